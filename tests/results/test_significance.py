"""Differences between configurations, with intervals that hold for what was looked at."""

import numpy as np
import pytest
from noise import noise_studies_called_better

from raytrain.results.significance import Comparison, Contender, compare, contender
from raytrain.results.transcripts import UtteranceCounts

RANDOM = np.random.default_rng(5)
WORDS = RANDOM.integers(30, 120, size=24).astype(float)
HARD = RANDOM.uniform(0.1, 0.4, size=24)


def drawn(name: str, shift: float = 0.0, *, seeds: int = 3, seed: int = 0) -> Contender:
    """A configuration whose error rate on each child is the child's own plus a shift."""
    random = np.random.default_rng(seed)
    edits = random.binomial(WORDS.astype(int), np.clip(HARD + shift, 0, 1), size=(seeds, len(WORDS)))
    return Contender(name=name, edits=edits.astype(float), words=WORDS)


def scored(*rows: tuple[str, str, int, int]) -> UtteranceCounts:
    ids, children, edits, words = zip(*rows, strict=True)
    return UtteranceCounts(np.array(ids), np.array(children), np.array(edits), np.array(words))


def test_counts_are_added_by_child() -> None:
    first = scored(("u1", "anna", 1, 4), ("u2", "ben", 2, 5), ("u3", "anna", 0, 3))
    again = scored(("u1", "anna", 3, 4), ("u2", "ben", 0, 5), ("u3", "anna", 1, 3))
    made = contender("a", [first, again])
    assert made.edits.tolist() == [[1, 2], [4, 0]]
    assert made.words.tolist() == [7, 5]
    assert made.wers.tolist() == [3 / 12, 4 / 12]


def test_trainings_on_other_utterances_do_not_mix() -> None:
    with pytest.raises(ValueError, match="different utterances"):
        contender("a", [scored(("u1", "anna", 1, 4)), scored(("u2", "anna", 1, 4))])
    other = Contender(name="b", edits=np.ones((1, 2)), words=np.array([3.0, 4.0]))
    with pytest.raises(ValueError, match="different utterances"):
        compare([other], Contender(name="c", edits=np.ones((1, 2)), words=np.array([3.0, 5.0])))


def test_a_clear_gain_is_found_with_its_size() -> None:
    (found,) = compare([drawn("better", -0.08, seed=1)], drawn("baseline", seed=2))
    assert found.high < 0
    assert found.low < -0.08 < found.high
    assert (found.num_seeds, found.num_children) == (3, 24)


def test_the_same_trainings_differ_by_nothing() -> None:
    (found,) = compare([drawn("same", seed=1)], drawn("baseline", seed=1))
    assert found.difference == 0
    assert found.low <= 0 <= found.high


def test_two_scorings_without_any_difference_have_no_interval_either() -> None:
    (found,) = compare([drawn("same", seeds=1, seed=1)], drawn("baseline", seeds=1, seed=1))
    assert (found.difference, found.low, found.high) == (0, 0, 0)


def test_looking_at_more_trials_widens_the_interval() -> None:
    baseline, first = drawn("baseline", seeds=1, seed=99), drawn("first", -0.03, seeds=1, seed=1)
    others = [drawn("other", seeds=1, seed=seed) for seed in range(2, 40)]
    alone, among = compare([first], baseline)[0], compare([first, *others], baseline)[0]
    assert among.difference == alone.difference
    assert among.low < alone.low
    assert among.high > alone.high


def test_the_luck_of_training_widens_the_interval() -> None:
    unlucky = drawn("spread", -0.05, seed=1)
    spread = Contender(name="spread", edits=unlucky.edits * np.array([[0.7], [1.0], [1.3]]), words=WORDS)
    steady, wide = compare([unlucky], drawn("b", seed=2))[0], compare([spread], drawn("b", seed=2))[0]
    assert wide.high - wide.low > 1.5 * (steady.high - steady.low)


def half_width(found: Comparison) -> float:
    return (found.high - found.low) / 2


def test_over_children_alone_the_interval_is_student_s() -> None:
    edits = 20 + np.round(np.random.default_rng(1).normal(-2, 5, size=40))
    words = np.full(40, 100.0)
    one = Contender(name="a", edits=edits[None], words=words)
    (found,) = compare([one], Contender(name="b", edits=np.full((1, 40), 20.0), words=words))
    difference = (edits - 20) / 100
    assert found.difference == pytest.approx(difference.mean())
    assert half_width(found) == pytest.approx(2.023 * difference.std(ddof=1) / np.sqrt(40), rel=0.02)  # t with 39
    assert (found.low + found.high) / 2 == pytest.approx(found.difference)


@pytest.mark.parametrize(
    ("edits", "of_baseline", "t"),
    [([18, 20, 25], [30, 33, 31], 2.776), ([18, 20], [30, 33, 31, 29, 35], 2.571)],  # t with 4 and 5
)
def test_over_trainings_alone_the_interval_is_student_s(edits: list[float], of_baseline: list[float], t: float) -> None:
    words, children = np.full(40, 100.0), np.ones(40)
    one, other = (Contender(name="", edits=np.outer(of, children), words=words) for of in (edits, of_baseline))
    (found,) = compare([one], other)
    squares = sum(((np.array(of) - np.mean(of)) ** 2).sum() for of in (edits, of_baseline))
    pooled = squares / (len(edits) + len(of_baseline) - 2) / 100**2
    error = np.sqrt(pooled / len(edits) + pooled / len(of_baseline))
    assert half_width(found) == pytest.approx(t * error, rel=0.02)
    assert found.num_seeds == min(len(edits), len(of_baseline))


def test_more_configurations_than_fit_in_one_piece_are_compared_as_each_would_be() -> None:
    baseline = drawn("baseline", seeds=1, seed=199)
    many = [drawn(str(seed), seeds=1, seed=seed) for seed in range(1, 131)]
    found = compare(many, baseline, resamples=500)
    alone = [compare([one], baseline, resamples=500)[0].difference for one in (many[0], many[64], many[129])]
    assert [found[place].difference for place in (0, 64, 129)] == alone
    assert len(found) == 130
    widened = [half_width(compare([one], baseline, resamples=500)[0]) for one in (many[0], many[129])]
    assert [half_width(found[place]) > 1.3 * width for place, width in zip((0, 129), widened, strict=True)] == [
        True
    ] * 2


def test_a_child_that_speaks_more_weighs_more() -> None:
    words = np.array([900.0, *[10.0] * 9])
    baseline = Contender(name="b", edits=(words * 0.2)[None], words=words)
    better_on_the_long_one = Contender(name="a", edits=np.array([[90.0, *[4.0] * 9]]), words=words)
    (found,) = compare([better_on_the_long_one], baseline)
    assert found.difference == pytest.approx((90 + 36 - 180 - 18) / 990)


def test_the_result_is_a_function_of_its_arguments() -> None:
    one, other = drawn("a", -0.02, seed=1), drawn("b", seed=2)
    assert compare([one], other, seed=3) == compare([one], other, seed=3)


def test_studies_of_pure_noise_are_called_better_in_at_most_one_of_twenty() -> None:
    # 240 studies: were the true rate 5 %, 12 would be expected, and fewer than 5 would come up once in 150 times.
    assert noise_studies_called_better(240, children=12, seeds=3, seed=7) < 5


@pytest.mark.soak
@pytest.mark.parametrize("children", [8, 12, 30])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_no_size_of_study_makes_noise_look_better(children: int, seeds: int) -> None:
    assert noise_studies_called_better(2000, children=children, seeds=seeds, seed=11) <= 80
