"""What a GPU is spared: log-mels made where the step runs, and no value read back before a step's end.

Here the device is the CPU; what only a GPU can show is `python -m raytrain.bench gpu`'s to check.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import CPU, FP32, feed, small_config, small_whisper, train_steps
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from raytrain.config.baseline import Audio, Baseline, Window
from raytrain.speech.corpus import Corpus
from raytrain.training.feed import Feed, Labels, StepData, UnheardBatch
from raytrain.training.loop import _gradients, _step_if_finite, _update, train
from raytrain.training.optimizer import make_optimizer
from raytrain.training.precision import Precision
from raytrain.whisper import weights
from raytrain.whisper.attention import ATTENTION
from raytrain.whisper.weights import Whisper

CONFIG = small_config(4, 2, training={"spec_augment": "double"})
READS = {"aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::nonzero", "aten::masked_select"}
"""Operations that on a GPU wait for it."""


class Seen(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func._schema.name)
        return func(*args, **(kwargs or {}))


def whisper_to_train(*, recomputes: bool = False) -> Whisper:
    whisper = small_whisper(dropout=0.1)
    if recomputes:
        whisper.model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    whisper.model.train()
    return whisper


def unheard(whisper: Whisper, tones: Corpus, step: int, *, config: Baseline = CONFIG) -> StepData:
    """A step as it is prepared for a GPU."""
    plan = feed(whisper, config, tones)._plan
    labels = Labels(whisper.tokenizer, tones.texts, config.model)
    return Feed(config, tones, plan, labels=labels, num_mel_bins=80, mels_on_device=True)(step)


@pytest.mark.parametrize("recomputes", [False, True])
@pytest.mark.parametrize("precision", [FP32, Precision("bf16", CPU), Precision("fp16", CPU)], ids=lambda one: one.name)
def test_nothing_of_a_step_is_read_back_before_its_end(tones: Corpus, precision: Precision, recomputes: bool) -> None:
    whisper = whisper_to_train(recomputes=recomputes)
    data, scaler = unheard(whisper, tones, 0), precision.gradient_scaler()
    optimizer = make_optimizer(whisper.model.named_parameters(), CONFIG.training)
    parameters = list(whisper.model.parameters())
    with Seen() as seen:
        _gradients(whisper, data, scaler, seed=0, precision=precision)
        _update(parameters, optimizer, scaler, learning_rate=1e-3, max_grad_norm=1.0)
    assert "aten::_fused_adamw_" in seen.names
    assert "aten::_fft_r2c" in seen.names
    assert not seen.names & READS


def test_log_mels_made_on_the_device_are_those_of_the_feed(tones: Corpus) -> None:
    whisper = small_whisper()
    here, there = feed(whisper, CONFIG, tones)(3), unheard(whisper, tones, 3)
    for mine, later in zip(here.micro_batches, there.micro_batches, strict=True):
        assert isinstance(later, UnheardBatch)
        made = later.on(CPU)
        assert torch.equal(made.mel, mine.mel)
        assert torch.equal(made.labels, mine.labels)
    assert there.micro_batches[0].sounds.samples.dtype == torch.int16


@pytest.mark.parametrize("window", ["fitted", "condensed"])
def test_every_attention_of_a_step_is_one_that_flash_can_take_but_for_those_that_count_silence(
    window: Window, tones: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[Any, float, bool]] = []
    attention = functional.scaled_dot_product_attention

    def watched(query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, **rest: Any) -> Any:
        called.append((attn_mask, dropout_p, rest.get("is_causal", False)))
        return attention(query, key, value, attn_mask, dropout_p, **rest)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", watched)
    whisper = whisper_to_train()
    config = small_config(4, 2, audio={"window": window})
    data = unheard(whisper, tones, 0, config=config)
    _gradients(whisper, data, FP32.gradient_scaler(), seed=0, precision=FP32)
    layers = 2 * (2 + 2 * 2)  # micro-batches of two encoder layers, and of two decoder layers with two attentions each
    assert len(called) == layers
    assert {dropout for _, dropout, _ in called} == {0.0}
    assert sum(causal for *_, causal in called) == 2 * 2
    over_sound = [mask for mask, _, causal in called if not causal]
    assert all((mask is not None) == (window == "condensed") for mask in over_sound)
    assert all(mask is None for mask, _, causal in called if causal)


def test_attention_without_masks_is_transformers_own_to_the_bit(tones: Corpus) -> None:
    with_masks, without = small_whisper(dropout=0.1), small_whisper(dropout=0.1)
    with_masks.model.set_attn_implementation("sdpa")
    config = small_config(4, 2, audio={"window": "fitted"})
    steps = [train_steps(whisper, config, tones, steps=2) for whisper in (with_masks, without)]
    assert all(torch.equal(steps[0].updates[name], steps[1].updates[name]) for name in steps[0].updates)


def test_weights_as_loaded_make_no_masks_and_as_saved_do_not_say_so(small_weights: Path, tmp_path: Path) -> None:
    model = small_config(model={"pretrained": str(small_weights)}).model
    loaded = weights.load(model, seed=0)
    assert loaded.model.config._attn_implementation == ATTENTION
    weights.save(loaded, tmp_path / "saved", window=Audio(), extra={})
    saved = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert ATTENTION not in saved.values()


def test_a_gradient_that_is_not_finite_leaves_weights_moments_and_steps_alone() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight], fused=True)
    weight.grad = torch.ones(3)
    _step_if_finite(optimizer, torch.tensor(1.0))
    before = weight.detach().clone(), {key: value.clone() for key, value in optimizer.state[weight].items()}
    weight.grad = torch.full((3,), torch.nan)
    _step_if_finite(optimizer, torch.tensor(torch.nan))
    assert torch.equal(weight, before[0])
    assert all(torch.equal(value, before[1][key]) for key, value in optimizer.state[weight].items())
    assert not hasattr(optimizer, "found_inf")


def test_the_wait_for_data_is_told_apart(tones: Corpus) -> None:
    whisper = small_whisper()

    def slowly() -> Iterator[StepData]:
        for step in range(2):
            time.sleep(0.1)
            yield unheard(whisper, tones, step)

    steps = train(
        whisper,
        slowly(),
        make_optimizer(whisper.model.named_parameters(), CONFIG.training),
        FP32.gradient_scaler(),
        training=CONFIG.training,
        precision=FP32,
        learning_rate=lambda step: 1e-3,
    )
    for progress in steps:
        assert 0.1 <= progress.waited_s < min(1.0, progress.seconds)
        time.sleep(1.0)  # what the consumer does is no waiting
