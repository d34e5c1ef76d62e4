"""On a CPU, half precision is what its instructions are made for, and what was used is said."""

import pytest
import torch
from small_runs import CPU

from raytrain.training.precision import resolve

NATIVE = (
    "bf16" if {"avx512_bf16", "amx_bf16"} & {k for k, has in torch.cpu.get_capabilities().items() if has} else "fp32"
)


def test_fp16_and_auto_become_what_the_cpu_computes_natively() -> None:
    assert (resolve("fp16", device=CPU).name, resolve("auto", device=CPU).name) == (NATIVE, NATIVE)


def test_the_change_is_told() -> None:
    assert resolve("fp16", device=CPU).note == f"no GPU: training in {NATIVE} where fp16 was asked for"
    assert resolve("fp32", device=CPU).note is None


def test_what_is_named_is_used() -> None:
    assert (resolve("bf16", device=CPU).name, resolve("fp32", device=CPU).name) == ("bf16", "fp32")


def test_autocast_computes_in_the_precision_used() -> None:
    one = torch.ones(2, 2)
    with resolve("bf16", device=CPU).autocast():
        assert (one @ one).dtype == torch.bfloat16
    with resolve("fp32", device=CPU).autocast():
        assert (one @ one).dtype == torch.float32


def test_a_precision_of_another_name_never_runs_as_a_known_one() -> None:
    with pytest.raises(AssertionError, match="fp8"):
        resolve("fp8", device=CPU)  # type: ignore[arg-type]
