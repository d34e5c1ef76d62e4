"""An evaluation counts in the language that its model writes, and leaves rows that say what was counted."""

from dataclasses import replace

import numpy as np
import pytest
from small_runs import FP32, corpus_of, small_config, small_whisper

from raytrain.config.baseline import Audio, Evaluation
from raytrain.results.transcripts import character_rate
from raytrain.results.word_errors import WordErrors
from raytrain.speech.corpus import Corpus
from raytrain.speech.scoring import score
from raytrain.training.evaluation import Evaluated, evaluate
from raytrain.training.peaks import MemoryMeter
from raytrain.training.rows import Row, Rows
from raytrain.whisper import weights

TEXTS = ["她喜欢吃苹果", "schön ist es", "हाथी बड़ा है", "the dog"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    clips = [np.full(8_000, 0.1 * number, np.float32) for number in range(1, 5)]
    return corpus_of(tmp_path_factory.mktemp("texts") / "corpus", clips, TEXTS)


def evaluated(corpus: Corpus, language: str) -> Evaluated:
    whisper = replace(small_whisper(), text_language=language)
    options = {"audio": Audio(step_s=0.1, margin_s=0.3), "evaluation": Evaluation(), "window": "fitted"}
    return evaluate(whisper, corpus, range(4), precision=FP32, max_new_tokens=8, **options)


@pytest.mark.parametrize("language", ["en", "de", "hi", "zh"])
def test_the_counts_are_of_the_models_language(corpus: Corpus, language: str) -> None:
    found = evaluated(corpus, language)
    pairs = [score(row["reference"], row["hypothesis"], language) for row in found.utterances]
    assert found.word_errors == WordErrors.total(errors for errors, _ in pairs)
    assert found.character_errors == WordErrors.total(characters for _, characters in pairs)
    assert character_rate(found.utterances) == pytest.approx(found.character_errors.wer, abs=1e-12)
    assert (found.word_errors == found.character_errors) is (language == "zh")


def test_a_row_of_the_run_has_both_rates_and_the_normaliser(corpus: Corpus) -> None:
    rows = Rows(Row(), memory=MemoryMeter(FP32.device))
    found = evaluated(corpus, "de")
    rows.scored(found, seconds=1.0)
    assert (rows.last.eval_wer, rows.last.eval_cer) == (found.word_errors.wer, found.character_errors.wer)
    assert rows.last.normaliser == "case and punctuation levelled, marks and accents kept"
    assert rows.last.history[-1]["eval_cer"] == found.character_errors.wer


@pytest.mark.parametrize(("language", "task", "scored"), [("German", "transcribe", "de"), ("zh", "translate", "en")])
def test_a_model_is_scored_in_the_language_that_it_writes(language: str, task: str, scored: str) -> None:
    model = small_config().model.model_copy(update={"pretrained": None, "language": language, "task": task})
    assert weights.load(model, seed=0).text_language == scored
