"""How hardware is divided: no trial is started that would wait for another, and none asks for what there is not."""

import pickle

import pytest
from asked_trials import asked

from raytrain.config.reader import load_baseline
from raytrain.errors import InputError
from raytrain.trial.hardware import Hardware, Node
from raytrain.trial.job import Share


def machine(*, cpus: int, gpus: int) -> Hardware:
    return Hardware((Node(id="here", cpus=cpus, gpus=gpus),))


def share(hardware: Hardware, *overrides: str, max_concurrent: int = 4) -> tuple[Share, int]:
    return Share.of(load_baseline("small", overrides), hardware, max_concurrent=max_concurrent)


def test_a_gpu_is_shared_by_as_many_trials_as_its_fraction_allows() -> None:
    card = machine(cpus=16, gpus=1)
    assert share(card, "scaling.gpu_fraction=0.25")[1] == 4
    assert share(card, "scaling.gpu_fraction=0.34")[1] == 2
    assert share(card, "scaling.gpu_fraction=0.333")[1] == 3
    assert share(card)[1] == 1  # auto means a whole one
    assert share(machine(cpus=16, gpus=8), "scaling.num_workers=2")[1] == 4


def test_never_more_trials_at_once_than_cpus_for_their_workers() -> None:
    assert share(machine(cpus=2, gpus=1), "scaling.gpu_fraction=0.25")[1] == 2


def test_without_a_gpu_trials_queue_for_the_threads() -> None:
    two_cores, at_once = share(machine(cpus=2, gpus=0))
    assert (two_cores.use_gpu, two_cores.threads, at_once) == (False, 2, 1)
    many_cores, at_once = share(machine(cpus=32, gpus=0))
    assert (many_cores.threads, at_once) == (8, 4)


def test_a_worker_asks_for_no_more_cpus_than_there_are() -> None:
    assert share(machine(cpus=2, gpus=0), "scaling.cpus_per_worker=8")[0].cpus == 2
    assert share(machine(cpus=1, gpus=0), "scaling.num_workers=2")[0].cpus == 0.5


def test_a_worker_asks_for_no_more_cpus_than_one_machine_has() -> None:
    two_machines = Hardware((Node(id="a", cpus=4), Node(id="b", cpus=2)))
    assert share(two_machines, "scaling.cpus_per_worker=6")[0].cpus == 4


def test_a_cpu_can_be_asked_for_beside_a_gpu() -> None:
    assert share(machine(cpus=4, gpus=1), "scaling.use_gpu=false")[0].use_gpu is False


def test_a_gpu_that_is_asked_for_and_not_there_is_told() -> None:
    with pytest.raises(InputError, match=r"scaling\.use_gpu: true, and the cluster has no GPU"):
        share(machine(cpus=2, gpus=0), "scaling.use_gpu=true")


def test_more_workers_than_gpus_are_told() -> None:
    with pytest.raises(InputError, match=r"scaling\.num_workers: 4 workers at 1 of a GPU each, .* has room for 2"):
        share(machine(cpus=16, gpus=2), "scaling.num_workers=4")
    assert share(machine(cpus=16, gpus=2), "scaling.num_workers=4", "scaling.gpu_fraction=0.5")[1] == 1


def test_a_trial_crosses_processes_as_it_is() -> None:
    portion, _ = share(machine(cpus=2, gpus=0))
    trial = asked(3, load_baseline("tiny"), share=portion, probes="trial-0000")
    assert pickle.loads(pickle.dumps(trial)) == trial


@pytest.mark.parametrize(
    ("overrides", "fact"),
    [
        (
            ["model.adapter={rank: 8}", "model.base_precision=nf4"],
            "model.base_precision: nf4 needs a GPU with CUDA; set",
        ),
        (["training.optimizer=adamw_8bit"], "training.optimizer: adamw_8bit needs a GPU with CUDA; set adamw or"),
    ],
)
def test_what_only_cuda_does_is_refused_where_no_gpu_is_used(overrides: list[str], fact: str) -> None:
    with pytest.raises(InputError, match=fact):
        share(machine(cpus=2, gpus=0), *overrides)
    assert share(machine(cpus=2, gpus=1), *overrides)[0].use_gpu
