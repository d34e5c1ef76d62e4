"""Predicted GPU memory: known figures, what moves them, and the share of a card that follows."""

from dataclasses import replace

import pytest
import torch
from step_trace import StorageTracker, put_adapter

from raytrain.config.adapter import Adapter
from raytrain.config.baseline import Baseline, Model
from raytrain.config.constants import GIB
from raytrain.config.reader import load_baseline
from raytrain.errors import InputError
from raytrain.memory.decoding_peak import DecodingShape, decoding_peak
from raytrain.memory.flops import train_flops_per_clip
from raytrain.memory.prediction import (
    Longest,
    allocator_share,
    gpu_fraction,
    longest_window_s,
    predict,
    step_shape,
)
from raytrain.memory.step_peak import step_peak, step_summits
from raytrain.memory.step_shape import Parts, StepShape
from raytrain.whisper.decoding import transcribe
from raytrain.whisper.variants import VARIANTS
from raytrain.whisper.weights import Whisper, load

SMALL = StepShape(variant=VARIANTS["small"], batch_size=12, window_s=30, label_tokens=25)
MEDIUM = replace(SMALL, variant=VARIANTS["medium"], batch_size=8)


@pytest.fixture(scope="module")
def random_tiny() -> Whisper:
    whisper = load(Model(variant="tiny", pretrained=None), seed=0)
    whisper.model.eval()
    return whisper


def small(*overrides: str) -> Baseline:
    return load_baseline("small", ["audio.window=full", *overrides])


@pytest.mark.parametrize(
    ("shape", "gib"),
    [
        (SMALL, 12.31),
        (replace(SMALL, gradient_checkpointing=True), 5.06),
        (replace(SMALL, window_s=8), 6.47),
        (replace(SMALL, window_s=5), 5.67),
        (replace(SMALL, freeze_encoder=True), 4.49),
        (replace(SMALL, batch_size=36, window_s=5), 8.95),
        (MEDIUM, 27.16),
        (replace(MEDIUM, gradient_checkpointing=True), 14.22),
        (replace(MEDIUM, window_s=8), 16.94),
    ],
    ids=str,
)
def test_the_figures_of_earlier_traces_come_out_within_two_and_a_half_percent(shape: StepShape, gib: float) -> None:
    assert step_peak(shape).total / GIB == pytest.approx(gib, rel=0.025)


def test_the_step_is_its_seven_parts_and_the_prediction_all_parts() -> None:
    prediction = predict(small())
    parts = prediction.parts_gib()
    of_the_step = list(Parts().as_gib())
    assert len(of_the_step) == 7
    assert sum(parts[name] for name in of_the_step) == pytest.approx(prediction.step_gib)
    assert sum(parts.values()) == pytest.approx(prediction.predicted_memory_gib)


def test_every_summit_is_counted_and_the_highest_is_the_peak() -> None:
    summits = step_summits(SMALL)
    assert max(parts.total for parts in summits.values()) == step_peak(SMALL).total
    assert set(summits) >= {"loss", "head gradient", "decoder backward, last layer", "update"}


def test_one_micro_batch_a_step_takes_less_since_no_gradient_waits() -> None:
    assert step_peak(replace(SMALL, accumulates=False)).total < step_peak(SMALL).total


def test_fp16_and_bf16_take_the_same_and_fp32_more() -> None:
    half, other_half, full = (step_peak(replace(SMALL, precision=name)).total for name in ("fp16", "bf16", "fp32"))
    assert half == other_half < full


def test_more_clips_longer_windows_and_longer_labels_take_more() -> None:
    peak = step_peak(SMALL).total
    assert step_peak(replace(SMALL, batch_size=13)).total > peak
    assert step_peak(replace(SMALL, window_s=15)).total < peak
    assert step_peak(replace(SMALL, label_tokens=100)).total > peak


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"window_s": -1}, {"window_s": 31}, {"label_tokens": 0}], ids=str)
def test_a_step_without_clips_window_or_labels_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a step has"):
        replace(SMALL, **wrong)


def test_without_a_corpus_windows_are_the_longest_allowed_and_labels_64() -> None:
    config = load_baseline("small", ["audio.max_window_s=12.0"])
    assert longest_window_s(config) == 12.2  # 0.2 s of margin
    assert predict(config) == predict(config, Longest(12, 64))
    assert longest_window_s(load_baseline("small", ["audio.window=fitted", "audio.max_window_s=12.0"])) == 12


def test_with_short_clips_known_a_fitted_baseline_takes_less_than_a_full_one() -> None:
    fitted, full = small("audio.window=fitted", "audio.margin_s=0.64", "audio.step_s=0.5"), small()
    assert predict(fitted, Longest(4.0)).step_gib < predict(full, Longest(4.0)).step_gib
    assert longest_window_s(fitted, 4.0) == 6.0  # 4 s, 0.64 s of margin and 1 s of jitter, up to the next half second


def test_a_condensed_window_takes_as_much_as_a_fitted_one_and_a_few_positions_more() -> None:
    condensed, fitted = load_baseline("small"), small("audio.window=fitted", "audio.margin_s=0.2", "audio.jitter_s=0")
    assert longest_window_s(condensed, 4.0) == longest_window_s(fitted, 4.0) == 4.2
    assert step_shape(condensed, Longest(4.0)).positions == step_shape(fitted, Longest(4.0)).positions + 25 == 235
    peaks = [predict(one, Longest(4.0)).step_gib for one in (fitted, condensed, small())]
    assert peaks[0] < peaks[1] < 1.05 * peaks[0] < peaks[2]


def test_scoring_with_many_beams_can_take_more_than_training() -> None:
    prediction = predict(small("evaluation.num_beams=5", "evaluation.batch_size=32", "training.batch_size=1"))
    assert prediction.evaluation_gib > prediction.step_gib
    assert prediction.parts_gib()["evaluation_beyond_step"] > 0


@pytest.mark.parametrize(
    ("clips", "window_s", "tokens", "beams", "precision"),
    [(4, 5, 20, 1, "bf16"), (4, 5, 20, 4, "bf16"), (2, 30, 5, 4, "fp32"), (4, 20, 5, 1, "fp32")],
)
@pytest.mark.parametrize("condensed", [False, True])
def test_decoding_takes_what_is_predicted(
    random_tiny: Whisper, clips: int, window_s: int, tokens: int, beams: int, precision: str, condensed: bool
) -> None:
    tracker = StorageTracker()
    with tracker, torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        weights = [parameter.view(-1) for parameter in random_tiny.model.parameters()]
        mel = torch.zeros(clips, 80, 100 * window_s)
        transcribe(random_tiny, mel, num_beams=beams, max_new_tokens=tokens, condensed=condensed)
    assert weights
    shape = DecodingShape(
        variant=VARIANTS["tiny"],
        batch_size=clips,
        window_s=window_s,
        new_tokens=tokens,
        num_beams=beams,
        precision=precision,
        optimizer=None,
        condensed=condensed,
    )
    assert 0.98 <= decoding_peak(shape).total / tracker.peak_bytes <= 1.08


@pytest.mark.parametrize(
    ("adapter", "window_s", "beams", "precision"),
    [(Adapter(targets="all"), 20, 1, "bf16"), (Adapter(), 5, 4, "fp32"), (Adapter(where="decoder"), 2, 1, "bf16")],
    ids=str,
)
def test_decoding_with_an_adapter_takes_what_is_predicted(
    adapter: Adapter, window_s: int, beams: int, precision: str
) -> None:
    whisper = load(Model(variant="tiny", pretrained=None), seed=0)
    put_adapter(whisper.model, adapter, "fp32")
    whisper.model.eval()
    tracker = StorageTracker()
    with tracker, torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        weights = [parameter.view(-1) for parameter in whisper.model.parameters()]
        transcribe(whisper, torch.zeros(4, 80, 100 * window_s), num_beams=beams, max_new_tokens=10)
    assert weights
    shape = DecodingShape(
        variant=VARIANTS["tiny"],
        batch_size=4,
        window_s=window_s,
        new_tokens=10,
        num_beams=beams,
        precision=precision,
        optimizer=None,
        adapter=adapter,
    )
    assert 0.98 <= decoding_peak(shape).total / tracker.peak_bytes <= 1.08


@pytest.mark.parametrize(
    ("predicted", "card", "fraction"),
    [(2.0, 8.0, 0.27), (1.9, 8.0, 0.25), (7.9, 8.0, 1.0), (8.0, 8.0, 1.0), (8.1, 8.0, None), (0.01, 80.0, 0.01)],
)
def test_a_trial_asks_for_its_bytes_and_a_margin_and_never_for_more_than_a_card(
    predicted: float, card: float, fraction: float | None
) -> None:
    assert gpu_fraction(predicted, card_gib=card) == fraction


@pytest.mark.parametrize(("predicted", "card", "margin"), [(-1, 8, 1.05), (2, 0, 1.05), (2, 8, 0.5)])
def test_a_share_of_nothing_is_refused(predicted: float, card: float, margin: float) -> None:
    with pytest.raises(ValueError, match="GiB on a card"):
        gpu_fraction(predicted, card_gib=card, margin=margin)


@pytest.mark.parametrize(("window_s", "gflop"), [(30, 395), (8, 94), (5, 60)])
def test_a_forward_of_small_takes_a_third_of_a_training_step(window_s: float, gflop: float) -> None:
    assert train_flops_per_clip(replace(SMALL, window_s=window_s)) / 3e9 == pytest.approx(gflop, rel=0.03)


def test_the_allocator_is_given_its_part_of_the_card_without_the_context() -> None:
    assert allocator_share(card_gib=80, cap_gib=8) == 7.5 / 80
    assert allocator_share(card_gib=8, gpu_fraction=0.25) == 1.5 / 8
    assert allocator_share(card_gib=80, gpu_fraction=0.05, cap_gib=8) == 3.5 / 80


def test_a_whole_card_is_not_capped() -> None:
    assert allocator_share(card_gib=8) is None
    assert allocator_share(card_gib=8, cap_gib=24) is None


def test_a_part_that_only_holds_the_context_is_refused() -> None:
    with pytest.raises(InputError, match=r"scaling: 0\.40 GiB of a card of 8\.0 leave nothing"):
        allocator_share(card_gib=8, gpu_fraction=0.05)
