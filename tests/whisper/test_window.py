"""The audio window: a shorter encoder that is otherwise the same one, for as long as it is open."""

import copy
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import raytrain
from raytrain.config.baseline import Audio, Model
from raytrain.config.constants import FRAMES_PER_SECOND, FULL_WINDOW_S
from raytrain.speech.log_mel import log_mel
from raytrain.whisper.weights import Whisper, load
from raytrain.whisper.window import FULL_FRAMES, audio_window, fitted_seconds, frames, jittered_seconds


def _positions(whisper: Whisper) -> tuple[int, int]:
    encoder = whisper.model.get_encoder()
    return whisper.model.config.max_source_positions, encoder.embed_positions.num_embeddings


@torch.no_grad()
def test_at_3000_frames_not_a_bit_changes(tiny: Whisper, adult_mel: torch.Tensor) -> None:
    inputs = {"input_features": adult_mel[:1], "decoder_input_ids": torch.tensor([tiny.prompt])}
    plain = tiny.model(**inputs).logits
    with audio_window(tiny.model, FULL_FRAMES):
        assert torch.equal(tiny.model(**inputs).logits, plain)


@torch.no_grad()
def test_a_short_window_is_the_encoder_with_its_first_positions_alone(tiny: Whisper, adult_mel: torch.Tensor) -> None:
    encoder = copy.deepcopy(tiny.model.get_encoder())
    encoder.config.max_source_positions = 250
    encoder.embed_positions = torch.nn.Embedding.from_pretrained(encoder.embed_positions.weight[:250])
    mel = adult_mel[..., :500]
    with audio_window(tiny.model, 500):
        assert torch.equal(tiny.model.get_encoder()(mel)[0], encoder(mel)[0])


@torch.no_grad()
def test_transformers_asks_both_integers_and_no_other(tiny_model: Model, adult_mel: torch.Tensor) -> None:
    encoder = load(tiny_model, seed=0).model.get_encoder()
    mel = adult_mel[:1, :, :500]
    with pytest.raises(ValueError, match="length 3000"):
        encoder(mel)
    encoder.config.max_source_positions = 250
    with pytest.raises(RuntimeError, match=r"size of tensor a \(250\) must match .* b \(1500\)"):
        encoder(mel)
    encoder.embed_positions.num_embeddings = 250
    assert encoder(mel)[0].shape == (1, 250, 384)


def test_code_that_runs_without_this_package_sets_the_same_two_integers() -> None:
    source = (Path(raytrain.__file__).parent / "release" / "transcriber.py").read_text()
    assert "self.encoder.config.max_source_positions = self.encoder.embed_positions.num_embeddings = " in source


def test_windows_nest(tiny: Whisper) -> None:
    with audio_window(tiny.model, 400):
        with audio_window(tiny.model, 600):
            assert _positions(tiny) == (300, 300)
        assert _positions(tiny) == (200, 200)
    assert _positions(tiny) == (1500, 1500)


def test_an_error_closes_a_window_too(tiny: Whisper, adult_mel: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="length 400"), audio_window(tiny.model, 400):
        tiny.model.get_encoder()(adult_mel)
    assert _positions(tiny) == (1500, 1500)


@pytest.mark.parametrize("wrong", [0, 499, 3002])
def test_odd_empty_and_too_long_windows_are_refused(tiny: Whisper, wrong: int) -> None:
    with pytest.raises(ValueError, match="even number"), audio_window(tiny.model, wrong):
        pass


def _gradient(model: Model, mel: torch.Tensor) -> torch.Tensor:
    whisper = load(model, seed=0)
    whisper.model.train()
    labels = torch.tensor([[*whisper.prompt[1:], 1169, 50256]] * len(mel))
    with audio_window(whisper.model, mel.shape[-1]):
        loss = whisper.model(input_features=mel, labels=labels).loss
    loss.backward()  # after the window is closed
    gradient: torch.Tensor = whisper.model.model.encoder.layers[0].fc1.weight.grad
    return gradient


def test_with_gradient_checkpointing_the_backward_pass_needs_no_open_window(
    tiny_model: Model, adult_mel: torch.Tensor
) -> None:
    mel = adult_mel[:1, :, :200]
    recomputed = _gradient(tiny_model.model_copy(update={"gradient_checkpointing": True}), mel)
    torch.testing.assert_close(recomputed, _gradient(tiny_model, mel), rtol=1e-5, atol=1e-8)


@given(st.floats(0, 29), st.floats(0, 1), st.sampled_from([0.02, 0.1, 0.5, 1.0]))
def test_a_fitted_window_holds_clip_margin_and_extra_and_wastes_less_than_a_step(
    longest_s: float, extra_s: float, step_s: float
) -> None:
    audio = Audio(window="fitted", margin_s=0.64, step_s=step_s)
    wanted_s = min(longest_s + 0.64 + extra_s, 30.0)
    window_s = fitted_seconds(longest_s, audio, extra_s=extra_s)
    assert wanted_s - 1e-5 <= window_s <= wanted_s + step_s + 1e-5
    assert window_s * 100 <= frames(window_s) + 1e-3 <= 3000.1


@given(st.floats(0, 29), st.floats(0, 1), st.floats(0, 3), st.sampled_from([0.02, 0.1, 0.5, 1.0]))
def test_a_jittered_window_fits_the_clip_and_is_padded_by_no_more_than_margin_and_jitter(
    longest_s: float, share: float, jitter_s: float, step_s: float
) -> None:
    audio = Audio(window="fitted", margin_s=0.64, step_s=step_s, jitter_s=jitter_s)
    fitted_s = fitted_seconds(longest_s, audio)
    window_s = jittered_seconds(longest_s, audio, extra_s=share * jitter_s)
    assert fitted_s <= window_s <= max(fitted_s, min(longest_s + 0.64 + jitter_s, 30.0)) + 1e-5


def test_jittered_windows_are_all_multiples_of_a_step_within_the_jitter_and_each_as_likely() -> None:
    audio = Audio(window="fitted", margin_s=0.64, step_s=0.5, jitter_s=2.0)
    drawn = [jittered_seconds(2.0, audio, extra_s=2.0 * share / 400) for share in range(400)]
    assert Counter(drawn) == {3.0: 100, 3.5: 100, 4.0: 100, 4.5: 100}


def test_full_windows_have_no_jitter() -> None:
    assert jittered_seconds(2.0, Audio(window="full"), extra_s=0.7) == FULL_WINDOW_S


def test_rounding_up_does_not_stumble_over_binary_fractions() -> None:
    audio = Audio(window="fitted", margin_s=0.64, step_s=0.5)
    assert fitted_seconds(4.36, audio) == 5.0
    assert fitted_seconds(4.361, audio) == 5.5
    assert frames(0.58) == 58
    assert frames(0.59) == 60


def test_no_window_is_longer_than_the_largest_and_full_windows_are_whispers_own() -> None:
    assert fitted_seconds(14.9, Audio(window="fitted", max_window_s=15.0)) == 15.0
    assert fitted_seconds(2.0, Audio(window="full")) == FULL_WINDOW_S == 30.0
    assert frames(FULL_WINDOW_S) == FULL_FRAMES == 3000
    assert frames(31) == FULL_FRAMES


def test_the_log_mel_of_a_second_has_as_many_frames_as_a_window_of_a_second() -> None:
    second = torch.randn(16_000).numpy()
    longer = log_mel([second], frames=2 * FRAMES_PER_SECOND)
    silent = (longer == longer.min()).all(dim=1)[0].nonzero().flatten()
    assert silent[0] == pytest.approx(frames(1.0), abs=2)  # a transform hears a little beyond its frame
