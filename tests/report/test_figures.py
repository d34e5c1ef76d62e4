"""Scales, marks and alignments, and that a mark stands where its trial's numbers put it."""

import re
from pathlib import Path

import pytest
from making import config, record
from studies import SPACE

from raytrain.report.edits import AlignedWord, aligned, marked
from raytrain.report.figures.scales import Doublings, Scale, spanning, tick_text
from raytrain.report.figures.trial_scatters import wer_against_memory
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.study_results import load_study


def test_a_scale_lays_its_ends_on_its_pixels() -> None:
    scale = Scale(low=0, high=10, start=100, end=0)
    assert [scale.at(value) for value in (0, 2.5, 10)] == [100, 75, 0]


def test_what_lies_outside_lands_on_the_edge() -> None:
    scale = Scale(low=1, high=100, start=0, end=10, log=True)
    assert (scale.at(0.1), scale.at(10), scale.at(1e6)) == (0, pytest.approx(5), 10)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (4.2, 8.3, [5, 6, 7, 8]), (0.12, 0.31, [0.15, 0.2, 0.25, 0.3])],
)
def test_linear_ticks_are_round_and_inside(low: float, high: float, ticks: list[float]) -> None:
    assert Scale(low=low, high=high, start=0, end=1).ticks() == pytest.approx(ticks)


def test_batch_sizes_are_ticked_by_doublings() -> None:
    assert Doublings(low=0.9, high=40, start=0, end=1).ticks() == [1, 2, 4, 8, 16, 32]
    assert Doublings(low=7, high=20, start=0, end=1).ticks() == [8, 12, 16]


def test_learning_rates_are_ticked_by_the_decade() -> None:
    assert [tick_text(tick) for tick in Scale(low=2e-6, high=1e-4, start=0, end=1, log=True).ticks()] == [
        "2e-6", "5e-6", "1e-5", "2e-5", "5e-5", "1e-4",
    ]  # fmt: skip


@pytest.mark.parametrize("values", [[], [0.0], [3.0], [0.2, 0.2]])
@pytest.mark.parametrize("doublings", [False, True])
def test_a_scale_of_one_number_or_none_has_a_width(values: list[float], doublings: bool) -> None:
    positive = [value or 1.0 for value in values] or [1.0]
    scale = spanning(positive if doublings else values, (0, 1), doublings=doublings)
    assert scale.low < scale.high
    assert scale.ticks()


def test_an_alignment_names_each_kind_of_error() -> None:
    assert aligned("The dog runs now, home.", "the big dog run now") == [
        AlignedWord("same", "The", "the"),
        AlignedWord("put_in", "", "big"),
        AlignedWord("same", "dog", "dog"),
        AlignedWord("taken_for", "runs", "run"),
        AlignedWord("same", "now", "now"),
        AlignedWord("left_out", "home", ""),
    ]


def test_words_taken_for_others_are_paired_one_by_one_and_case_is_no_edit() -> None:
    assert aligned("big red Dogs", "bit rod dogs") == [
        AlignedWord("taken_for", "big", "bit"),
        AlignedWord("taken_for", "red", "rod"),
        AlignedWord("same", "Dogs", "dogs"),
    ]


def test_edits_are_marked_in_what_was_heard() -> None:
    heard = marked("The dog runs now", "a the dog run", left_out="[-{}-]", put_in="{{+{}+}}")
    assert heard == "{+a+} the dog [-runs-] {+run+} [-now-]"


def test_an_alignment_of_nothing_is_all_put_in() -> None:
    assert aligned("", "don't") == [AlignedWord("put_in", "", "don't")]
    assert aligned("", "") == []


def test_memory_goes_from_left_to_right_and_wer_from_bottom_to_top(tmp_path: Path) -> None:
    Description(baseline_name="a", baseline=config(), space_name="b", space=SPACE).write(tmp_path)
    for number, peak_gib, wer in ((0, 3.0, 0.3), (1, 3.0, 0.2), (2, 2.0, 0.25), (3, 4.0, 0.25), (4, 2.0, 0.28)):
        Ledger(tmp_path).append(record(number, eval_wer=wer, peak_memory_reserved_gib=peak_gib))
    figure = wer_against_memory(load_study(tmp_path))
    assert figure is not None
    marks = re.findall(r'class="mark completed" d="M([\d.]+) ([\d.]+)a[^"]*" data-tip="trial (\d)', figure.svg)
    places = {number: (float(x), float(y)) for x, y, number in marks}
    assert places["2"][0] == places["4"][0] < places["3"][0]  # 2, 2 and 4 GiB
    assert places["2"][1] == places["3"][1] > places["4"][1]  # SVG counts downwards: 0.28 lies above 0.25
    assert re.search(r'class="axis" x="[^"]*" y="[^"]*" text-anchor="middle">peak memory reserved, GiB<', figure.svg)
