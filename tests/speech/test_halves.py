"""What trains and what is scored is said before anything is trained, and so is what the end could not help saying."""

import json
from pathlib import Path

import pytest

from raytrain.config.baseline import Data
from raytrain.plan import main as plan
from raytrain.speech.corpus import prepare
from raytrain.speech.halves import Halves, Speakers, halves_of
from raytrain.speech.manifest import manifest_path
from raytrain.speech.split import split_by_child


def spoken(**children: tuple[str, int]) -> Speakers:
    """Each child with its age bucket and its number of clips."""
    pairs = [(child, bucket) for child, (bucket, clips) in children.items() for _ in range(clips)]
    return Speakers([child for child, _ in pairs], [bucket for _, bucket in pairs])


def halves(speakers: Speakers, *, ratio: float) -> Halves:
    return Halves.of(speakers, split_by_child(speakers, ratio=ratio, seed=0))


def test_clips_and_children_are_counted_by_age() -> None:
    found = halves(spoken(a=("3-4", 5), b=("3-4", 5), c=("5-7", 7), d=("5-7", 7)), ratio=0.5)
    assert found.lines()[:2] == [
        "trains     12 clips of 2 children: 5 of 1 aged 3-4, 7 of 1 aged 5-7",
        "scores     12 clips of 2 children: 5 of 1 aged 3-4, 7 of 1 aged 5-7",
    ]


def test_a_bucket_that_nobody_is_scored_in_is_named() -> None:
    found = halves(spoken(a=("3-4", 5), b=("3-4", 5), c=("8-11", 7)), ratio=0.3)
    assert found.unscored_buckets == ["8-11"]
    assert "no child aged 8-11 is scored: nothing will be known of these" in found.warnings()


@pytest.mark.parametrize(("scored", "warned"), [(7, True), (8, False)])
def test_too_few_children_for_a_verdict_are_told_at_once(scored: int, warned: bool) -> None:
    everyone = {f"child{number}": ("5-7", 4) for number in range(2 * scored)}
    found = halves(spoken(**everyone), ratio=0.5)
    assert found.validation.children == scored
    assert any(f"with {scored} validation children no verdict" in line for line in found.lines()) == warned


def test_one_seed_is_told_where_a_verdict_is_wanted() -> None:
    found = halves(spoken(**{f"child{number}": ("5-7", 4) for number in range(20)}), ratio=0.5)
    assert found.warnings() == []
    assert found.warnings(seeds=1) == [
        "with one seed no verdict is possible: set search.finalists and search.seeds to 2 or more"
    ]
    assert found.warnings(seeds=3) == []


def test_the_manifest_s_lines_alone_tell_what_the_prepared_corpus_does(tmp_path: Path) -> None:
    corpus = prepare(manifest_path("demo"), cache=tmp_path)
    data = Data(train_manifest="demo", validation_ratio=0.3)
    by_lines = halves_of(data, seed=42)
    assert by_lines == Halves.of(corpus, split_by_child(corpus, ratio=0.3, seed=42))
    own = halves_of(data.model_copy(update={"validation_manifest": "demo"}), seed=42)
    assert own.of_its_own
    assert own.train == own.validation


def test_plan_says_and_holds_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["plan", "--data", "demo", "--json"])
    with pytest.raises(SystemExit):
        plan()
    told = json.loads(capsys.readouterr().out)["data"]
    assert sum(told["train"]["clips"].values()) + sum(told["validation"]["clips"].values()) == 200
    assert told["warnings"] == [
        "with 3 validation children no verdict is possible, 8 or more would do: data.validation_ratio=0.3 takes so many"
    ]
    monkeypatch.setattr("sys.argv", ["plan", "--data", "demo", "--json", "data.validation_ratio=0.3"])
    with pytest.raises(SystemExit):
        plan()
    assert json.loads(capsys.readouterr().out)["data"]["warnings"] == []
