"""Predictions on a test set: scores, against a scorer of its own; what is missing, strange, gone on with, refused."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jiwer
import pytest
from making import WORDS
from small_corpora import spoken, write
from transformers import WhisperTokenizer

from raytrain.errors import InputError
from raytrain.release.asked import Asked, named
from raytrain.release.held_out import HeldOut, prepared
from raytrain.release.predictions import read_predictions
from raytrain.release.score import Done, score
from raytrain.release.score_folder import ScoreFolder
from raytrain.results.scores import Scores

CHILDREN = "abcdefghij"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten children of three utterances, of two ages and two sessions each."""
    folder, draw = tmp_path_factory.mktemp("test-set"), random.Random(0)
    lines = spoken(folder, CHILDREN)
    for number, line in enumerate(lines):
        line["orthographic_text"] = " ".join(draw.choices(WORDS, k=draw.randint(1, 9)))
        line["age_bucket"] = "3-4" if number < 15 else "8-11"
        line["session_id"] = f"{line['child_id']}_s{number % 2}"
    return write(folder / "m.jsonl", lines)


@pytest.fixture
def held_out(manifest: Path) -> HeldOut:
    return prepared([str(manifest)], max_bad_share=0.0, progress=lambda done, total: None)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def heard_with_errors(manifest: Path, share: float, seed: int = 0) -> list[dict[str, str]]:
    draw = random.Random(seed)

    def misheard(text: str) -> str:
        words = [word if draw.random() > share else draw.choice(["", "uncle", "two uncles"]) for word in text.split()]
        return " ".join(words)

    return [
        {"utterance_id": line["utterance_id"], "orthographic_text": misheard(line["orthographic_text"])}
        for line in lines_of(manifest)
    ]


def scored(files: Sequence[Path], held_out: HeldOut, to: Path, language: str = "en") -> tuple[Done, list[str]]:
    said: list[str] = []
    contestants = named([read_predictions(path, typed=str(path)) for path in files])
    asked = Asked(contestants=contestants, language=language, num_beams=1, batch_size=4)
    return score(asked, held_out, ScoreFolder(to, asked.identity(held_out)), say=said.append), said


def scores_of(done: Done) -> Scores:
    assert done.scores is not None
    return done.scores


def test_the_scores_are_those_of_the_fields_own_tools(
    manifest: Path, held_out: HeldOut, tiny_en: Path, tmp_path: Path
) -> None:
    heard = heard_with_errors(manifest, 0.3)
    done, _ = scored([write(tmp_path / "model.jsonl", heard)], held_out, tmp_path / "score")
    normalise = WhisperTokenizer.from_pretrained(tiny_en).normalize
    said = [normalise(line["orthographic_text"]) for line in lines_of(manifest)]
    texts = [normalise(line["orthographic_text"]) for line in heard]
    (model,) = scores_of(done).models
    assert abs(model.overall.rate - jiwer.wer(said, texts)) < 1e-9
    assert model.overall.cer is not None
    assert abs(model.overall.cer - jiwer.cer(said, texts)) < 1e-9


def test_the_groups_of_a_grouping_add_up_to_all(manifest: Path, held_out: HeldOut, tmp_path: Path) -> None:
    done, _ = scored([write(tmp_path / "model.jsonl", heard_with_errors(manifest, 0.3))], held_out, tmp_path / "score")
    (model,) = scores_of(done).models
    assert set(model.groups) == {"age", "session"}
    assert [sum(group.errors.edits for group in groups) for groups in model.groups.values()] == [
        model.overall.errors.edits
    ] * 2


def test_a_missing_prediction_counts_as_empty_and_a_strange_one_is_named(
    manifest: Path, held_out: HeldOut, tmp_path: Path
) -> None:
    heard = [line for line in heard_with_errors(manifest, 0.0) if line["utterance_id"] != "a1"]
    heard.append({"utterance_id": "nobody", "orthographic_text": "a cat"})
    done, said = scored([write(tmp_path / "model.jsonl", heard)], held_out, tmp_path / "score")
    (model,) = scores_of(done).models
    lost = next(line for line in lines_of(manifest) if line["utterance_id"] == "a1")
    assert model.overall.errors.deletions == len(lost["orthographic_text"].split()) == model.overall.errors.edits
    assert ["a1" in line for line in said] == [True, False]
    assert ["nobody" in line for line in said] == [False, True]
    assert [line for line in lines_of(done.heard["model"]) if line["utterance_id"] in ("a1", "nobody")] == [
        {"utterance_id": "a1", "orthographic_text": ""}
    ]


def test_a_clearly_worse_model_is_told_so_over_children(manifest: Path, held_out: HeldOut, tmp_path: Path) -> None:
    files = [
        write(tmp_path / f"{name}.jsonl", heard_with_errors(manifest, share, seed))
        for name, share, seed in (("good", 0.05, 1), ("bad", 0.6, 2))
    ]
    done, _ = scored(files, held_out, tmp_path / "score")
    (found,) = scores_of(done).against
    assert (found.name, found.first, found.finding) == ("bad", "good", "worse")
    assert "over 10 children): worse." in found.sentence
    same, _ = scored([files[0], files[0]], held_out, tmp_path / "twice")
    assert [one.finding for one in scores_of(same).against] == ["not distinguishable"]
    assert list(same.heard) == ["good", "good-2"]


def test_what_is_written_holds_all_that_is_told(manifest: Path, held_out: HeldOut, tmp_path: Path) -> None:
    done, _ = scored([write(tmp_path / "m<b>.jsonl", heard_with_errors(manifest, 0.3))], held_out, tmp_path / "score")
    told = json.loads((done.folder / "score.json").read_text())
    assert told["models"][0]["wer"] == scores_of(done).models[0].overall.rate
    html, markdown = ((done.folder / f"report.{suffix}").read_text() for suffix in ("html", "md"))
    assert "m<b>" not in html + markdown
    assert all(f"{told['models'][0]['wer']:.4f}" in page for page in (html, markdown))
    rows = lines_of(done.heard["m<b>"].with_name("utterances.jsonl"))
    assert (
        sum(row["substitutions"] + row["deletions"] + row["insertions"] for row in rows)
        == told["models"][0]["errors"]["substitutions"]
        + told["models"][0]["errors"]["deletions"]
        + told["models"][0]["errors"]["insertions"]
    )
    assert {row["session_id"] for row in rows} == {line["session_id"] for line in lines_of(manifest)}


def test_names_that_would_share_a_folder_get_one_each(manifest: Path, tmp_path: Path) -> None:
    heard = heard_with_errors(manifest, 0.0)
    files = [write(tmp_path / name, heard) for name in ("a_b.jsonl", "a-b.jsonl", "a b.jsonl")]
    assert list(named([read_predictions(path, typed=str(path)) for path in files])) == ["a_b", "a-b-2", "a b-3"]


def test_our_own_rows_are_predictions_too_and_score_the_same(manifest: Path, held_out: HeldOut, tmp_path: Path) -> None:
    first, _ = scored([write(tmp_path / "model.jsonl", heard_with_errors(manifest, 0.3))], held_out, tmp_path / "one")
    rows = first.heard["model"].with_name("utterances.jsonl")
    again, _ = scored([rows], held_out, tmp_path / "two")
    assert [one.overall.errors for one in scores_of(again).models] == [
        one.overall.errors for one in scores_of(first).models
    ]


def test_other_languages_are_scored_as_themselves(tmp_path: Path) -> None:
    texts = {
        "de": ("Das ist schön.", "Das ist schon.", 1 / 3),
        "hi": ("मैं घर जाता हूँ", "मैं घर जाती हूँ", 1 / 4),
        "zh": ("她喜欢吃苹果", "她喜欢吃苹果吗", 1 / 6),
    }
    found = {}
    for language, (said, heard, _) in texts.items():
        folder = tmp_path / language
        (line, *_) = spoken(folder, "a")
        manifest = write(folder / "m.jsonl", [line | {"orthographic_text": said}])
        held_out = prepared([str(manifest)], max_bad_share=0.0, progress=lambda done, total: None)
        path = write(folder / "p.jsonl", [{"utterance_id": line["utterance_id"], "orthographic_text": heard}])
        done, _ = scored([path], held_out, folder / "score", language)
        found[language] = scores_of(done).models[0].overall.rate
    assert found == {language: rate for language, (_, _, rate) in texts.items()}


@pytest.mark.parametrize(
    ("lines", "fact"),
    [
        ([], "holds no predictions"),
        ([{"utterance_id": "a0"}], ":1: neither orthographic_text nor hypothesis"),
        ([{"utterance_id": "a0", "orthographic_text": "x"}] * 2, ":2: utterance_id 'a0' for the second time"),
        ([{"utterance_id": ["a0"], "orthographic_text": "x"}], ":1: "),
        ([{"utterance_id": "nobody", "orthographic_text": "x"}], "no prediction is of the test manifest's utterances"),
    ],
)
def test_predictions_that_are_none_are_refused_in_a_line(
    lines: list[dict[str, Any]], fact: str, held_out: HeldOut, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=fact):
        scored([write(tmp_path / "p.jsonl", lines)], held_out, tmp_path / "score")


def test_a_folder_that_holds_another_score_is_left_alone(manifest: Path, held_out: HeldOut, tmp_path: Path) -> None:
    one, other = (write(tmp_path / f"{share}.jsonl", heard_with_errors(manifest, share)) for share in (0.1, 0.5))
    scored([one], held_out, tmp_path / "score")
    before = (tmp_path / "score" / "report.md").read_bytes()
    with pytest.raises(InputError, match="was begun with other models; name a new folder"):
        scored([other], held_out, tmp_path / "score")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").touch()
    with pytest.raises(InputError, match="is not empty, and holds no score"):
        scored([one], held_out, tmp_path / "thesis")
    scored([one], held_out, tmp_path / "score")
    assert (tmp_path / "score" / "report.md").read_bytes() == before


def test_two_manifests_are_scored_together_and_by_source(manifest: Path, tmp_path: Path) -> None:
    lines = [line | {"utterance_id": f"k{n}"} for n, line in enumerate(spoken(tmp_path / "k", "k"))]
    other = write(tmp_path / "k" / "other.jsonl", lines)
    both = prepared([str(manifest), str(other)], max_bad_share=0.0, progress=lambda done, total: None)
    heard = [*heard_with_errors(manifest, 0.0), *heard_with_errors(other, 1.0)]
    done, _ = scored([write(tmp_path / "p.jsonl", heard)], both, tmp_path / "score")
    (model,) = scores_of(done).models
    assert [(group.name, group.utterances) for group in model.groups["source"]] == [("m.jsonl", 30), ("other.jsonl", 3)]
    assert model.groups["source"][0].rate == 0
    with pytest.raises(InputError, match="in two manifests"):
        prepared([str(manifest), str(write(manifest.parent / "n.jsonl", lines_of(manifest)))], max_bad_share=0.0,
                 progress=lambda done, total: None)  # fmt: skip
