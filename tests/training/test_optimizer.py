"""The learning rate is a function of the step, and weight decay acts on matrices."""

import importlib.util

import pytest
import torch
from small_runs import small_config, small_whisper

from raytrain.config.baseline import MOMENTS
from raytrain.errors import InputError
from raytrain.memory.prediction import predict
from raytrain.training.loop import _step_if_finite
from raytrain.training.optimizer import learning_rate, make_optimizer, require_8bit


def rates(schedule: str, *steps: int) -> list[float]:
    training = small_config(training={"schedule": schedule, "learning_rate": 8.0}).training
    return [learning_rate(step, training, warmup_steps=3, steps_total=11) for step in steps]


def test_warm_up_rises_in_a_line_and_never_wastes_a_step_at_zero() -> None:
    assert rates("linear", 0, 1, 2, 3) == [2.0, 4.0, 6.0, 8.0]


def test_the_linear_schedule_falls_in_a_line_towards_zero() -> None:
    assert rates("linear", 4, 7, 10, 11) == [7.0, 4.0, 1.0, 0.0]


def test_the_cosine_schedule_falls_slowly_at_both_ends() -> None:
    assert rates("cosine", 3, 7, 11) == pytest.approx([8.0, 4.0, 0.0])
    assert rates("cosine", 4)[0] > rates("linear", 4)[0]


def test_weight_decay_spares_biases_and_norms() -> None:
    model = small_whisper().model
    decayed, spared = make_optimizer(
        model.named_parameters(), small_config(training={"weight_decay": 0.01}).training
    ).param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.01, 0.0)
    assert {parameter.ndim for parameter in spared["params"]} == {1}
    assert any(parameter is model.model.decoder.layers[0].fc1.weight for parameter in decayed["params"])


def test_an_optimizer_or_a_schedule_of_another_name_never_runs_as_the_first() -> None:
    training = small_config().training.model_copy(update={"optimizer": "lion", "schedule": "constant"})
    with pytest.raises(AssertionError, match="lion"):
        make_optimizer(small_whisper().model.named_parameters(), training)
    with pytest.raises(AssertionError, match="constant"):
        learning_rate(4, training, warmup_steps=3, steps_total=11)


HERE = [name for name in MOMENTS if name != "adamw_8bit"]
"""The optimizers that a CPU has."""


@pytest.mark.parametrize("name", HERE)
def test_memory_counts_as_many_moments_of_a_weight_as_the_optimizer_keeps(name: str) -> None:
    config = small_config(training={"optimizer": name})
    trained = [parameter for parameter in small_whisper().model.parameters() if parameter.requires_grad]
    optimizer = make_optimizer([("", parameter) for parameter in trained], config.training)
    for parameter in trained:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    kept = sum(tensor.numel() for state in optimizer.state.values() for tensor in state.values())
    counted = predict(config).step.optimizer_states / predict(config).step.weights
    assert kept / sum(parameter.numel() for parameter in trained) == pytest.approx(counted, abs=0.1)


@pytest.mark.parametrize("name", HERE)
def test_every_optimizer_can_be_told_on_the_device_to_leave_out_a_step(name: str) -> None:
    weight = torch.nn.Parameter(torch.ones(2, 2))
    optimizer = make_optimizer([("weight", weight)], small_config(training={"optimizer": name}).training)
    weight.grad = torch.full((2, 2), torch.nan)
    _step_if_finite(optimizer, torch.tensor(torch.inf))
    assert torch.equal(weight, torch.ones(2, 2))


def test_8_bit_moments_without_cuda_are_refused_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    training = small_config(training={"optimizer": "adamw_8bit"}).training
    with pytest.raises(
        InputError, match=r"training.optimizer: adamw_8bit needs a GPU with CUDA.*set adamw or adafactor"
    ):
        make_optimizer(small_whisper().model.named_parameters(), training)


def test_without_bitsandbytes_what_it_is_for_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'pip install "raytrain\[quantized\]"'):
        require_8bit(small_config(training={"optimizer": "adamw_8bit"}).training, here=False)


def test_adafactor_steps_by_the_size_of_a_matrix() -> None:
    def change(scale: float) -> float:
        weight = torch.nn.Parameter(scale * torch.ones(4, 4))
        optimizer = make_optimizer([("", weight)], small_config(training={"optimizer": "adafactor"}).training)
        weight.grad = torch.ones(4, 4)
        optimizer.step()
        return float((scale - weight[0, 0]).detach())

    assert change(10.0) == pytest.approx(10 * change(1.0), rel=1e-3)
    assert change(1.0) == pytest.approx(1e-3, rel=1e-3)


def test_a_frozen_encoder_is_not_in_the_optimizer() -> None:
    model = small_whisper().model
    model.freeze_encoder()
    groups = make_optimizer(model.named_parameters(), small_config().training).param_groups
    optimised = {id(parameter) for group in groups for parameter in group["params"]}
    assert optimised == {id(parameter) for parameter in model.model.decoder.parameters()}
