"""Scoring depends on the model and the clips, not on how clips are batched or on how many workers decode them."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import CPU, FP32, OnTwoWorkers, corpus_of, small_config, small_whisper, tone_corpus

from raytrain.config.baseline import Audio, Evaluation
from raytrain.memory.prediction import Longest, decoding_shape
from raytrain.results.word_errors import WordErrors
from raytrain.speech.corpus import Corpus
from raytrain.training.distributed import OutOfMemory, rank, run_on_all_or_none
from raytrain.training.evaluation import Evaluated, evaluate
from raytrain.whisper import weights
from raytrain.whisper.decoding import Emitted, transcribe_together
from raytrain.whisper.hearing import parts
from raytrain.whisper.weights import Whisper
from raytrain.whisper.window import fitted_seconds

AUDIO = Audio(step_s=0.1, margin_s=0.3)
CLIPS = range(20)
BATCH_SIZES = pytest.mark.parametrize("batch_size", [1, 5, 64])


def scored(whisper: Whisper, corpus: Corpus, indices: object, *, batch_size: int = 8, **more: object) -> Evaluated:
    options = {
        "audio": AUDIO,
        "evaluation": Evaluation(batch_size=batch_size),
        "window": "fitted",
        "precision": FP32,
        "max_new_tokens": 10,
    }
    return evaluate(whisper, corpus, indices, **(options | more))


@pytest.fixture(scope="module")
def babbler() -> Whisper:
    """Random weights, large ones, that emit bytes: clips have their own hypotheses. In float64 no rounding decides."""
    whisper = small_whisper(dtype=torch.float64)
    whisper.model.generation_config.suppress_tokens = list(range(256, whisper.model.config.vocab_size))
    with torch.no_grad():
        torch._foreach_mul_([weight for weight in whisper.model.parameters() if weight.ndim > 1], 10.0)
    return whisper


@pytest.fixture(scope="module")
def by_sixteen(babbler: Whisper, tones: Corpus) -> Evaluated:
    return scored(babbler, tones, CLIPS, batch_size=16)


@BATCH_SIZES
def test_the_batch_size_changes_no_hypothesis(
    babbler: Whisper, tones: Corpus, by_sixteen: Evaluated, batch_size: int
) -> None:
    assert scored(babbler, tones, CLIPS, batch_size=batch_size) == by_sixteen
    assert len({row["hypothesis"] for row in by_sixteen.utterances}) > 10


@pytest.mark.parametrize("window", ["condensed", "full"])
def test_real_weights_score_the_same_at_every_batch_size(demo: Corpus, tiny_en: Path, window: str) -> None:
    whisper = weights.load(small_config(model={"pretrained": str(tiny_en)}).model, seed=0)
    alone = scored(whisper, demo, range(0, 60, 15), batch_size=1, window=window, max_new_tokens=448)
    assert scored(whisper, demo, range(0, 60, 15), batch_size=4, window=window, max_new_tokens=448) == alone
    assert 0 < alone.word_errors.wer < 0.8


def test_a_subset_is_scored_as_within_the_whole(babbler: Whisper, tones: Corpus, by_sixteen: Evaluated) -> None:
    few = scored(babbler, tones, [7, 3, 12])
    assert few.utterances == [by_sixteen.utterances[index] for index in (7, 3, 12)]


@pytest.fixture(scope="module")
def two_workers(babbler: Whisper, tones: Corpus, on_two_workers: OnTwoWorkers) -> list[tuple[Evaluated, str]]:
    return on_two_workers(_score_and_run_out_of_memory, babbler, tones)


def _score_and_run_out_of_memory(whisper: Whisper, corpus: Corpus) -> tuple[Evaluated, str]:
    """Only the second worker wants more than there is."""
    with pytest.raises(OutOfMemory) as error:
        run_on_all_or_none(lambda: torch.empty(2 ** (47 * rank())), doing="step 1", device=CPU)
    return scored(whisper, corpus, CLIPS, batch_size=16), str(error.value)


def test_two_workers_score_as_one(by_sixteen: Evaluated, two_workers: list[tuple[Evaluated, str]]) -> None:
    assert [evaluated for evaluated, _ in two_workers] == [by_sixteen, by_sixteen]


def test_when_one_worker_runs_out_of_memory_all_stop(two_workers: list[tuple[Evaluated, str]]) -> None:
    messages = [message for _, message in two_workers]
    assert messages == ["step 1: another worker ran out of memory", "step 1: tried to allocate 524288.00 GiB"]


def test_a_clip_may_take_as_many_tokens_as_can_be_said_in_its_time_and_memory_is_predicted_for_these(
    babbler: Whisper, tones: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int] = []

    def watched(whisper: Whisper, mels: list[torch.Tensor], most: list[int], *, condensed: bool) -> list[Emitted]:
        limits.extend(most)
        return transcribe_together(whisper, mels, most, condensed=condensed)

    monkeypatch.setattr("raytrain.training.evaluation.transcribe_together", watched)
    audio = small_config().audio
    scored(babbler, tones, range(3), max_new_tokens=448, audio=audio)
    longest_s = float(tones.durations_s[:3].max())
    predicted = decoding_shape(small_config(), Longest(clip_s=longest_s))
    assert max(limits) == predicted.new_tokens == math.ceil(6 + 8 * fitted_seconds(longest_s, audio))


def test_a_decoder_that_never_ends_is_cut_after_its_first_round(demo: Corpus, tiny_en: Path) -> None:
    whisper = weights.load(small_config(model={"pretrained": str(tiny_en)}).model, seed=0)
    (word,) = whisper.tokenizer(" no", add_special_tokens=False)["input_ids"]
    suppressed = set(range(whisper.model.config.vocab_size)) - {word}
    whisper.model.generation_config.suppress_tokens = sorted(suppressed)
    found = scored(whisper, demo, range(2), max_new_tokens=448)
    assert [row["hypothesis"] for row in found.utterances] == ["no", "no"]
    assert found.babbled == 2


def test_counts_add_up_over_age_buckets(by_sixteen: Evaluated) -> None:
    assert set(by_sixteen.by_age_bucket) == {"3-4", "5-7"}
    assert WordErrors.total(by_sixteen.by_age_bucket.values()) == by_sixteen.word_errors
    assert sum(row["insertions"] for row in by_sixteen.utterances) == by_sixteen.word_errors.insertions


def test_the_model_is_left_in_the_mode_it_was_in(babbler: Whisper, tones: Corpus) -> None:
    babbler.model.train()
    scored(babbler, tones, [0])
    assert babbler.model.training
    babbler.model.eval()
    scored(babbler, tones, [0])
    assert not babbler.model.training


def test_a_long_clip_is_decoded_in_consecutive_windows_and_joined(demo: Corpus, tiny_en: Path, tmp_path: Path) -> None:
    whisper = weights.load(small_config(model={"pretrained": str(tiny_en)}).model, seed=0)
    story = np.concatenate([demo.audio(index) for index in range(0, 200, 10)])[: 36 * 16_000]
    first, second = (story[start:end] for start, end in parts(story, small_config().audio.max_window_s))
    corpus = corpus_of(tmp_path / "story", [story, first, second], ["a story", "its start", "its end"])
    rows = scored(whisper, corpus, range(3), window="full", max_new_tokens=80).utterances
    assert rows[0]["hypothesis"] == f"{rows[1]['hypothesis']} {rows[2]['hypothesis']}"
    assert len(rows[0]["hypothesis"].split()) > 20


def test_no_clip_is_dropped_however_short_or_long(babbler: Whisper, tmp_path: Path) -> None:
    corpus = tone_corpus(tmp_path / "odd", seconds=[0.05, 61.0, 1.0])
    assert len(scored(babbler, corpus, range(3)).utterances) == 3
