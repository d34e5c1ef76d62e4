"""Condensed silence: a few positions in the place of all up to 30 s, and speech heard nearly as at the full window."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from raytrain.config.baseline import Audio, Model
from raytrain.speech.corpus import Corpus, prepare
from raytrain.speech.log_mel import log_mel
from raytrain.speech.manifest import manifest_path
from raytrain.whisper import silence
from raytrain.whisper.silence import CELL, HEARD, counted, silence_after
from raytrain.whisper.weights import Whisper, load
from raytrain.whisper.window import FULL_FRAMES, audio_window, fitted_seconds, frames, jittered_seconds

CPU = torch.device("cpu")
CONDENSED = Audio(window="condensed")


@pytest.fixture(scope="module")
def demo() -> Corpus:
    return prepare(manifest_path("demo"))


def short_and_full(corpus: Corpus, index: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A clip's mel at the window that is condensed, and at 30 s."""
    window_s = fitted_seconds(float(corpus.durations_s[index]), CONDENSED)
    short, full = (log_mel([corpus.audio(index)], frames=most) for most in (frames(window_s), FULL_FRAMES))
    return short, full


@torch.no_grad()
def heard(whisper: Whisper, mel: torch.Tensor, *, condensed: bool) -> torch.Tensor:
    """The encoder's last states."""
    with audio_window(whisper.model, mel.shape[-1], condensed=condensed):
        states: torch.Tensor = whisper.model.get_encoder()(mel).last_hidden_state
        return states


@torch.no_grad()
def said(whisper: Whisper, mel: torch.Tensor, *, condensed: bool) -> torch.Tensor:
    """The decoder's scores of what comes next, at each token of a sentence."""
    sentence = torch.tensor([[*whisper.prompt, *whisper.tokenizer(" He took my", add_special_tokens=False).input_ids]])
    with audio_window(whisper.model, mel.shape[-1], condensed=condensed):
        logits: torch.Tensor = whisper.model(input_features=mel, decoder_input_ids=sentence).logits
        return logits


def off(states: torch.Tensor, right: torch.Tensor) -> float:
    return float((states - right).norm() / right.norm())


def test_where_every_position_is_heard_it_is_the_full_window(
    tiny: Whisper, demo: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    short, full = short_and_full(demo, 3)
    monkeypatch.setattr(silence, "CELL", 1)
    states = heard(tiny, short, condensed=True)
    assert states.shape == (1, 1500, 384)
    assert off(states, heard(tiny, full, condensed=False)) < 1e-4
    assert off(said(tiny, short, condensed=True), said(tiny, full, condensed=False)) < 1e-4


def test_published_weights_say_what_they_do_at_30_s_four_times_as_nearly_as_at_a_fitted_window(
    tiny: Whisper, demo: Corpus
) -> None:
    condensed, fitted = [], []
    for index in range(0, len(demo), 12):
        short, full = short_and_full(demo, index)
        right = said(tiny, full, condensed=False)
        condensed.append(divergence(right, said(tiny, short, condensed=True)))
        fitted.append(divergence(right, said(tiny, short, condensed=False)))
    assert np.median(condensed) < np.median(fitted) / 4
    assert np.median(condensed) < 0.1


def divergence(right: torch.Tensor, scores: torch.Tensor) -> float:
    """Kullback and Leibler's, in nats a token."""
    right, scores = right.log_softmax(-1), scores.log_softmax(-1)
    return float((right.exp() * (right - scores)).sum(-1).mean())


@given(st.integers(1, 1498))
def test_its_positions_stand_for_1500_together_and_lie_after_the_window(positions: int) -> None:
    places = [place for place, _ in silence_after(positions)]
    assert float(counted(positions, device=CPU).exp().sum()) == pytest.approx(1500, rel=1e-4)
    assert positions <= places[0] < places[-1] == 1499
    assert places == sorted(set(places))
    assert len(places) <= 1 + HEARD * math.ceil((1500 - positions) / CELL)


@pytest.mark.parametrize("frames", [FULL_FRAMES, FULL_FRAMES - 2])
def test_where_no_silence_is_left_nothing_changes(tiny: Whisper, demo: Corpus, frames: int) -> None:
    mel = log_mel([demo.audio(0)], frames=frames)
    assert torch.equal(heard(tiny, mel, condensed=True), heard(tiny, mel, condensed=False))


def test_a_window_once_closed_leaves_nothing_of_itself_after_an_error_neither(tiny: Whisper, demo: Corpus) -> None:
    short, _ = short_and_full(demo, 3)
    before = heard(tiny, short, condensed=False)
    heard(tiny, short, condensed=True)
    with pytest.raises(ValueError, match="length 400"), audio_window(tiny.model, 400, condensed=True):
        tiny.model.get_encoder()(short)
    assert torch.equal(heard(tiny, short, condensed=False), before)
    assert not [module for module in tiny.model.modules() if hasattr(module, "counted")]
    assert not [module for module in tiny.model.modules() if module._forward_hooks or module._forward_pre_hooks]


def gradients(model: Model, mel: torch.Tensor) -> dict[str, torch.Tensor]:
    whisper = load(model, seed=0)
    whisper.model.train()
    with audio_window(whisper.model, mel.shape[-1], condensed=True):
        whisper.model(input_features=mel, labels=torch.tensor([[*whisper.prompt[1:], 1169, 50256]])).loss.backward()
    return {name: weight.grad for name, weight in whisper.model.named_parameters() if weight.grad is not None}


def test_layers_that_are_computed_again_hear_the_same(tiny_model: Model, demo: Corpus) -> None:
    short, _ = short_and_full(demo, 3)
    plain = gradients(tiny_model, short)
    again = gradients(tiny_model.model_copy(update={"gradient_checkpointing": True}), short)
    assert plain.keys() == again.keys()
    assert max(off(again[name], plain[name]) for name in plain if plain[name].norm() > 0) < 1e-4


def test_a_condensed_window_has_its_margin_after_the_longest_clip_and_no_jitter() -> None:
    audio = Audio(window="condensed", margin_s=0.64, max_window_s=10.0)
    assert fitted_seconds(9.9, audio) == 10.6
    assert fitted_seconds(29.9, Audio(window="condensed")) == 30.0
    assert {jittered_seconds(2.0, audio, extra_s=extra_s) for extra_s in (0.0, 0.5, 1.0)} == {2.7}
