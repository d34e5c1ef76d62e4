"""What learns, and what an optimizer keeps of it: counted by shapes, and against the real things."""

import pytest
import torch
from step_trace import put_adapter

from raytrain.config.adapter import Adapter
from raytrain.config.baseline import Model, Training
from raytrain.config.constants import GIB
from raytrain.config.reader import load_baseline
from raytrain.memory.kept_weights import checkpoint_bytes
from raytrain.memory.learning import Learning, decoder_tensors, encoder_tensors, learning_of, parameters
from raytrain.training.optimizer import make_optimizer
from raytrain.whisper.variants import VARIANTS
from raytrain.whisper.weights import load

TINY = VARIANTS["tiny"]


@pytest.mark.parametrize("name", VARIANTS)
def test_the_tensors_of_both_halves_are_all_that_can_be_trained(name: str) -> None:
    v = VARIANTS[name]
    assert parameters(decoder_tensors(v)) == v.decoder_parameters
    assert parameters(encoder_tensors(v)) == v.encoder_parameters - v.fixed_parameters


@pytest.mark.parametrize(
    "adapter",
    [
        Adapter(),
        Adapter(rank=4, where="encoder", targets="all"),
        Adapter(rank=64, where="decoder"),
        Adapter(targets="all", dora=True),
    ],
    ids=str,
)
def test_an_adapter_has_as_many_numbers_as_peft_makes_it_of(adapter: Adapter) -> None:
    model = load(Model(variant="tiny", pretrained=None), seed=0).model
    put_adapter(model, adapter, "fp32")
    made = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert Learning(variant=TINY, adapter=adapter).trained() == made


@pytest.mark.parametrize("name", ["adamw", "adafactor"])
@pytest.mark.parametrize("adapter", [None, Adapter(targets="all", rank=8)], ids=["full", "lora"])
def test_an_optimizer_keeps_the_bytes_that_are_counted(name: str, adapter: Adapter | None) -> None:
    model = load(Model(variant="tiny", pretrained=None), seed=0).model
    if adapter is not None:
        put_adapter(model, adapter, "fp32")
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    training = Training.model_validate(
        {"batch_size": 1, "gradient_accumulation_steps": 1, "learning_rate": 1e-3, "max_steps": 1, "optimizer": name}
    )
    optimizer = make_optimizer([("", parameter) for parameter in trained], training)
    for parameter in trained:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    kept = sum(tensor.nbytes for state in optimizer.state.values() for tensor in state.values())
    steps = 4 * len(trained)
    assert Learning(variant=TINY, adapter=adapter, optimizer=name).state_bytes() == kept - steps


def test_eight_bit_moments_are_two_bytes_a_weight_and_their_scales() -> None:
    large = VARIANTS["large-v3"]
    of = {name: Learning(variant=large, optimizer=name).state_bytes() for name in ("adamw", "adamw_8bit", "adafactor")}
    assert of["adamw"] == 8 * Learning(variant=large).trained()
    assert of["adamw_8bit"] / of["adamw"] == pytest.approx((2 + 8 / 256) / 8, rel=0.005)
    assert of["adafactor"] < 0.01 * of["adamw"]


def test_weights_under_an_adapter_take_what_their_precision_says() -> None:
    large = VARIANTS["large-v3"]
    fp32, bf16, int8, nf4 = (
        Learning(variant=large, adapter=Adapter(), base_precision=precision).base_bytes() / large.parameters
        for precision in ("fp32", "bf16", "int8", "nf4")
    )
    assert (fp32, bf16) == (4, 2)
    assert 1 < int8 < 1.1  # the embeddings, norms and convolutions stay bf16, and each row has its scale
    assert 0.5159 < nf4 < 0.65


def test_a_checkpoint_with_an_adapter_is_megabytes_and_a_full_one_gigabytes() -> None:
    adapted, full = load_baseline("large-v3-lora"), load_baseline("large-v3")
    assert checkpoint_bytes(adapted) == 12 * learning_of(adapted).trained()
    assert checkpoint_bytes(adapted) < 0.2 * GIB
    assert checkpoint_bytes(full) == pytest.approx(17.2 * GIB, rel=0.01)
