"""Further sets that a run is scored on: as the weights come and where it ends, and nowhere in between."""

import threading
from pathlib import Path

import pytest
from small_runs import tone_corpus
from test_session import Reports, config, ran

from raytrain.speech.corpus import Corpus
from raytrain.speech.split import split_by_child, whole
from raytrain.training.session import Session


@pytest.fixture(scope="module")
def adults(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return tone_corpus(tmp_path_factory.mktemp("adults"), seconds=[0.5, 1.0, 1.5, 2.0])


def test_they_are_scored_first_and_last(small_weights: Path, tones: Corpus, adults: Corpus, tmp_path: Path) -> None:
    reports = ran(config(small_weights), tones, tmp_path / "run", also={"adult": adults})
    assert [sorted(row.get("also", {})) for row in reports.rows] == [["adult"], [], [], ["adult"]]
    assert [row["step"] for row in reports.last["history"] if "also" in row] == [0, 5]
    assert reports.last["also"]["adult"] >= 0


def test_training_is_the_same_with_and_without(
    small_weights: Path, tones: Corpus, adults: Corpus, tmp_path: Path
) -> None:
    plain = ran(config(small_weights), tones, tmp_path / "plain")
    further = ran(config(small_weights), tones, tmp_path / "further", also={"adult": adults})
    assert [row["train_loss"] for row in plain.rows] == [row["train_loss"] for row in further.rows]
    assert [row["eval_wer"] for row in plain.rows] == [row["eval_wer"] for row in further.rows]


def test_a_set_scores_as_the_same_clips_do_in_validation(
    small_weights: Path, tones: Corpus, adults: Corpus, tmp_path: Path
) -> None:
    reports, run = Reports(), config(small_weights, training={"max_steps": 1}, evaluation={"max_utterances": None})
    Session(
        run, corpus=tones, validation_corpus=adults, split=whole(tones, adults), report=reports, workdir=tmp_path,
        device="cpu", also={"adult": adults},
    ).run()  # fmt: skip
    assert [row["also"]["adult"] for row in reports.rows] == [row["eval_wer"] for row in reports.rows]


def test_one_that_early_stopping_ends_is_scored_there(
    small_weights: Path, tones: Corpus, adults: Corpus, tmp_path: Path
) -> None:
    run = config(
        small_weights,
        training={"num_epochs": 4, "early_stopping_patience": 1, "learning_rate": 1e-12},
        evaluation={"every_steps": 1},
    )
    reports = ran(run, tones, tmp_path / "run", also={"adult": adults})
    assert reports.last["finished"]
    assert reports.last["step"] < 20
    assert [bool(row.get("also")) for row in reports.rows] == [True, *[False] * (len(reports.rows) - 2), True]


def test_one_stopped_while_they_are_scored_scores_all_of_it_again(
    small_weights: Path, tones: Corpus, adults: Corpus, tmp_path: Path
) -> None:
    split, asked, scorings = split_by_child(tones, ratio=0.25, seed=0, stratify=False), threading.Event(), []
    run = config(small_weights, training={"max_steps": 2}, evaluation={"every_steps": 5})
    reports = Reports()

    def stops() -> bool:
        # Asked before each batch that is scored: at the end first for the validation set, then for the further one.
        if reports and reports.last["step"] == 0:
            scorings.append(1)
        return asked.is_set() or len(scorings) > 3

    session = {"corpus": tones, "split": split, "device": "cpu", "also": {"adult": adults}}
    ended = Session(run, report=reports, workdir=tmp_path / "run", is_asked_to_stop=stops, **session).run()
    assert not ended
    assert reports.kept == ["step-000002-unscored"]
    again = Reports()
    Session(run, report=again, workdir=tmp_path / "again", resume_from=reports[-1][1], **session).run()
    assert again.last["finished"]
    assert again.last["also"].keys() == {"adult"}
    assert (again[-1][1] or tmp_path).joinpath("utterances.jsonl").read_text().count("\n") == 5
