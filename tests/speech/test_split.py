"""The split: whole children, the same for the same seed, whatever the manifest's order."""

import json
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytrain.errors import InputError
from raytrain.speech.split import split_by_child


@dataclass(frozen=True)
class Utterances:
    child_ids: list[str]
    age_buckets: list[str]
    source_names: tuple[str, ...] = ()
    source_numbers: tuple[int, ...] = ()
    twice_heard: tuple[int, ...] = ()


def utterances_of(children: dict[str, tuple[str, int]]) -> Utterances:
    ids = [child for child, (_, count) in children.items() for _ in range(count)]
    return Utterances(ids, [children[child][0] for child in ids])


CORPORA = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.tuples(st.sampled_from(["3-4", "5-7", "8-11", "12+", "unknown"]), st.integers(1, 30)),
    min_size=2,
    max_size=25,
).map(utterances_of)
RATIOS = st.floats(0.01, 0.9)
SEEDS = st.integers(0, 2**32 - 1)
TEN_EACH = utterances_of({f"{bucket}_{n}": (bucket, 20) for bucket in ("3-4", "5-7", "8-11") for n in range(10)})


def of_two_manifests(corpus: Utterances, *, home: set[str]) -> Utterances:
    """The same utterances, of which these children's are of one manifest and all others of another."""
    numbers = tuple(0 if child in home else 1 for child in corpus.child_ids)
    return replace(corpus, source_names=("home", "school"), source_numbers=numbers)


@given(corpus=CORPORA, ratio=RATIOS, seed=SEEDS, data=st.data())
def test_of_several_manifests_children_are_whole_and_each_goes_on_training(
    corpus: Utterances, ratio: float, seed: int, data: st.DataObject
) -> None:
    home = data.draw(st.sets(st.sampled_from(sorted(set(corpus.child_ids)))))
    several = of_two_manifests(corpus, home=home)
    split = split_by_child(several, ratio=ratio, seed=seed)
    assert sorted([*split.train_children, *split.validation_children]) == sorted(set(corpus.child_ids))
    if len(split.train_children) > 1 and len(set(corpus.child_ids)) > 2:
        trained = {several.source_numbers[index] for index in split.train}
        many = {number for number in (0, 1) if number in trained or _children_of(several, number) > 1}
        assert many == trained


def _children_of(corpus: Utterances, number: int) -> int:
    return len({child for child, mine in zip(corpus.child_ids, corpus.source_numbers, strict=True) if mine == number})


@given(seed=SEEDS)
def test_each_manifest_gives_its_share_of_every_age(seed: int) -> None:
    several = of_two_manifests(TEN_EACH, home={f"{bucket}_{n}" for bucket in ("3-4", "5-7", "8-11") for n in range(4)})
    split = split_by_child(several, ratio=0.2, seed=seed)
    held = Counter(several.source_numbers[index] for index in split.validation)
    assert held == {0: 3 * 20 if held[0] == 60 else 2 * 20, 1: 6 * 20 - held[0]}
    assert split.description["validation_utterances"] == {"3-4": 40, "5-7": 40, "8-11": 40}


@given(corpus=CORPORA, ratio=RATIOS, seed=SEEDS)
def test_of_one_manifest_of_several_names_the_split_is_that_of_it_alone(
    corpus: Utterances, ratio: float, seed: int
) -> None:
    one = replace(corpus, source_names=("home",), source_numbers=(0,) * len(corpus.child_ids))
    both = (split_by_child(some, ratio=ratio, seed=seed).as_dict() for some in (corpus, one))
    assert next(both) == next(both)


@given(corpus=CORPORA, ratio=RATIOS, seed=SEEDS, stratify=st.booleans())
def test_no_child_is_in_both_halves_and_no_utterance_is_lost(
    corpus: Utterances, ratio: float, seed: int, stratify: bool
) -> None:
    split = split_by_child(corpus, ratio=ratio, seed=seed, stratify=stratify)
    train, validation = ({corpus.child_ids[i] for i in half} for half in (split.train, split.validation))
    assert train.isdisjoint(validation)
    assert train == set(split.train_children)
    assert validation == set(split.validation_children)
    assert train
    assert validation
    assert sorted([*split.train, *split.validation]) == list(range(len(corpus.child_ids)))


@given(corpus=CORPORA, ratio=RATIOS, seed=SEEDS, shuffled=st.randoms(use_true_random=False))
def test_the_manifests_order_does_not_matter(corpus: Utterances, ratio: float, seed: int, shuffled) -> None:
    order = list(range(len(corpus.child_ids)))
    shuffled.shuffle(order)
    other = Utterances([corpus.child_ids[i] for i in order], [corpus.age_buckets[i] for i in order])
    first, second = (split_by_child(which, ratio=ratio, seed=seed) for which in (corpus, other))
    assert first.as_dict() == second.as_dict()
    assert np.array_equal(np.sort(np.array(order)[second.validation]), first.validation)


@given(corpus=CORPORA, ratio=RATIOS, seed=SEEDS)
def test_training_hears_every_age_that_more_than_one_child_has(corpus: Utterances, ratio: float, seed: int) -> None:
    split = split_by_child(corpus, ratio=ratio, seed=seed)
    children = {bucket: set() for bucket in corpus.age_buckets}
    any(children[bucket].add(child) for child, bucket in zip(corpus.child_ids, corpus.age_buckets, strict=True))
    shared = {bucket for bucket, who in children.items() if len(who) > 1}
    assert shared <= {corpus.age_buckets[i] for i in split.train}


@pytest.mark.parametrize(("ratio", "held_out"), [(0.1, 3), (0.2, 6), (0.3, 9), (0.5, 15)])
def test_each_age_bucket_gives_its_share(ratio: float, held_out: int) -> None:
    split = split_by_child(TEN_EACH, ratio=ratio, seed=0)
    each = held_out // 3 * 20
    assert split.as_dict()["validation_utterances"] == {"3-4": each, "5-7": each, "8-11": each}


def test_shares_too_small_for_one_bucket_are_carried_to_the_next() -> None:
    corpus = utterances_of({f"{bucket}_{n}": (bucket, 10) for bucket in ("3-4", "5-7", "8-11") for n in range(4)})
    assert len(split_by_child(corpus, ratio=0.1, seed=0).validation) == 10


def test_the_ratio_is_of_utterances_and_a_child_with_most_of_them_stays_in_training() -> None:
    corpus = utterances_of({"big": ("5-7", 1000), **{f"small{n}": ("5-7", 10) for n in range(30)}})
    assert len(split_by_child(corpus, ratio=0.1, seed=3).validation) == 130


def test_another_seed_holds_out_other_children() -> None:
    first, second = (split_by_child(TEN_EACH, ratio=0.2, seed=seed).validation_children for seed in (1, 2))
    assert first != second


def test_a_childs_bucket_is_its_most_frequent() -> None:
    corpus = Utterances(["a"] * 3 + ["b"] * 3, ["3-4", "5-7", "5-7"] + ["5-7"] * 3)
    assert len(split_by_child(corpus, ratio=0.5, seed=0).validation) == 3


def test_what_is_written_down_is_json_with_every_child() -> None:
    written = json.loads(json.dumps(split_by_child(TEN_EACH, ratio=0.2, seed=0).as_dict()))
    assert set(written["train_children"]) | set(written["validation_children"]) == set(TEN_EACH.child_ids)
    assert (written["ratio"], written["seed"], written["group_by"]) == (0.2, 0, "child_id")


def test_a_single_child_cannot_be_split() -> None:
    with pytest.raises(InputError, match=r"1 child, and no child may be in both halves; .*validation_manifest"):
        split_by_child(utterances_of({"only": ("5-7", 50)}), ratio=0.1, seed=0)
