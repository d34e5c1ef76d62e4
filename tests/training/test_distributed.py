"""What workers send each other: gradients in buckets of any size."""

import pytest
import torch
from small_runs import OnTwoWorkers

from raytrain.training.distributed import rank, sum_gradients

SHAPES = ((3,), (2, 2), (5,), (1,), (4, 2))
BUCKETS = (1, 4, 7, 1000)
"""Elements: a parameter each, some together, all in one."""


@pytest.fixture(scope="module")
def summed(on_two_workers: OnTwoWorkers) -> list[dict[int, list[torch.Tensor]]]:
    return on_two_workers(_sum)


def _sum() -> dict[int, list[torch.Tensor]]:
    return {bucket_elements: _sum_in(bucket_elements) for bucket_elements in BUCKETS}


def _sum_in(bucket_elements: int) -> list[torch.Tensor]:
    parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in SHAPES]
    for number, parameter in enumerate(parameters):
        if (number, rank()) != (2, 1):  # the second worker has none for the third
            parameter.grad = torch.full_like(parameter, 10.0**number * (1 + rank()))
    sum_gradients(parameters, bucket_elements=bucket_elements)
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


@pytest.mark.parametrize("bucket_elements", BUCKETS)
@pytest.mark.parametrize("worker", [0, 1])
def test_gradients_are_summed_once_whatever_the_buckets(
    summed: list[dict[int, list[torch.Tensor]]], bucket_elements: int, worker: int
) -> None:
    expected = [torch.full(shape, total) for shape, total in zip(SHAPES, (3.0, 30.0, 100.0, 3e3, 3e4), strict=True)]
    assert all(map(torch.equal, summed[worker][bucket_elements], expected))
