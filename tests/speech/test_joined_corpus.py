"""Several prepared corpora as one: every clip of each, under an id of its own; a child in two of them is one child."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from recordings import row, tone
from small_corpora import spoken, write

from raytrain.speech.corpus import Corpus, PreparedCorpus, prepare
from raytrain.speech.joined_corpus import JoinedCorpus, join, open_corpora


def corpus(folder: Path, children: str, **fields: str) -> PreparedCorpus:
    lines = [{**line, **fields} for line in spoken(folder, children)]
    return prepare(write(folder / "manifest.jsonl", lines), cache=folder.parent / "cache")


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, PreparedCorpus]:
    """Child b is in both, and so are its very clips with their ids."""
    return {"home": corpus(tmp_path / "home", "ab"), "school": corpus(tmp_path / "school", "bc", age_bucket="8-11")}


@pytest.fixture
def both(parts: dict[str, PreparedCorpus]) -> JoinedCorpus:
    joined = join(parts)
    assert isinstance(joined, JoinedCorpus)
    return joined


def test_every_clip_of_each_is_there_in_order(both: Corpus, parts: dict[str, PreparedCorpus]) -> None:
    assert len(both) == 12
    alone = [(part, index) for part in parts.values() for index in range(len(part))]
    for place, (part, index) in enumerate(alone):
        assert np.array_equal(both.audio(place), part.audio(index))
        assert (both.texts[place], both.age_buckets[place]) == (part.texts[index], part.age_buckets[index])
        assert both.durations_s[place] == part.durations_s[index]
        assert both.sound_digests[place] == part.sound_digests[index]
    assert [both.source(index) for index in range(12)] == ["home"] * 6 + ["school"] * 6
    assert both.problems.usable == 12


def test_equal_ids_of_two_sources_are_two_utterances_and_one_child(both: Corpus) -> None:
    assert both.utterance_ids[3:7] == ["home/b0", "home/b1", "home/b2", "school/b0"]
    assert len(set(both.utterance_ids)) == 12
    assert both.own_ids[3] == both.own_ids[6] == "b0"
    assert set(both.child_ids) == {"child_a", "child_b", "child_c"}


def test_a_child_that_two_sources_spell_otherwise_is_one_child(tmp_path: Path) -> None:
    parts = {"home": corpus(tmp_path / "home", "a"), "school": corpus(tmp_path / "school", "b", child_id="Child_A ")}
    joined = join(parts)
    assert set(joined.child_ids) == {"child_a"}
    assert joined.spellings == [("child_a", "Child_A ")]


def test_clips_of_the_very_same_sound_in_two_sources_are_found(both: Corpus) -> None:
    assert [both.utterance_ids[index] for index in both.twice_heard] == [
        f"{source}/b{number}" for source in ("home", "school") for number in range(3)
    ]


def test_silence_is_nobodys(tmp_path: Path) -> None:
    for name in ("home", "school"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "manifest.jsonl", [row(tmp_path / name, f"{name}1", 0 * tone(0.4))])
    parts = {name: prepare(tmp_path / name / "manifest.jsonl", cache=tmp_path / "c") for name in ("home", "school")}
    assert parts["home"].sound_digests == parts["school"].sound_digests
    assert join(parts).twice_heard == []


def test_another_process_maps_the_same_files(both: JoinedCorpus) -> None:
    for other in (pickle.loads(pickle.dumps(both)), open_corpora(both.folders)):
        assert other.utterance_ids == both.utterance_ids
        assert np.array_equal(other.audio(9), both.audio(9))


def test_one_corpus_joined_with_none_is_itself(parts: dict[str, PreparedCorpus]) -> None:
    alone = join({"home": parts["home"]})
    assert alone is parts["home"]
    assert (alone.source_names, alone.source(0), alone.twice_heard) == ((), None, [])
