"""Scales, marks and alignments, and that a mark stands where its trial's numbers put it."""

import re
from pathlib import Path

import pytest
from making import config, record, utterances
from studies import SPACE

from raytrain.report.edits import AlignedWord, aligned, marked
from raytrain.report.figures.best_and_baseline import wer_by_age
from raytrain.report.figures.by_child import wer_by_child
from raytrain.report.figures.learning_curves import learning_curves
from raytrain.report.figures.scales import Doublings, Scale, spanning, tick_text
from raytrain.report.figures.trial_marks import set_apart
from raytrain.report.figures.trial_scatters import (
    speed_by_micro_batch,
    wer_against_effective_batch,
    wer_against_memory,
)
from raytrain.report.figures.varied_values import parallel_values
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.significance import contender, interval, intervals
from raytrain.results.study_results import StudyResults, load_study
from raytrain.results.transcripts import UtteranceCounts, read_counts, transcripts_path


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


def scored_study(folder: Path, *trials: TrialRecord, children: int = 20) -> StudyResults:
    Description(baseline_name="a", baseline=config(), space_name="b", space=SPACE).write(folder)
    for one in trials:
        if one.eval_wer is not None:
            utterances(folder, one.number, wer=one.eval_wer, children=children)
        Ledger(folder).append(one)
    return load_study(folder)


def test_a_line_at_an_effective_batch_is_the_interval_of_the_wer_that_it_is_drawn_at(tmp_path: Path) -> None:
    study = scored_study(tmp_path, record(0, eval_wer=0.3), record(1, eval_wer=0.2, effective_batch_size=8))
    figure = wer_against_effective_batch(study)
    assert figure is not None
    lines = re.findall(r'class="whisker" d="M([\d.]+) ([\d.]+)V([\d.]+)"', figure.svg)
    counted = [read_counts(transcripts_path(tmp_path, number)) for number in (0, 1)]
    ends = intervals([contender("", [one]) for one in counted if one is not None])
    assert len(lines) == len(ends) == 2
    # On one axis, pixels of two lines are one linear map of the four ends.
    heights = [float(up) for _, *pair in lines for up in pair]
    values = [end for pair in ends if pair is not None for end in pair]
    slope = (heights[1] - heights[0]) / (values[1] - values[0])
    assert slope < 0
    assert [heights[0] + slope * (value - values[0]) for value in values] == pytest.approx(heights, abs=0.3)


def test_too_few_children_have_no_interval(tmp_path: Path) -> None:
    study = scored_study(tmp_path, record(0, eval_wer=0.3), record(1, eval_wer=0.2), children=6)
    for figure in (wer_against_effective_batch(study), wer_by_age(study)):
        assert figure is not None
        assert "95 %" not in figure.caption
        assert "95 %" not in figure.svg


def test_marks_that_would_lie_on_each_other_stand_side_by_side() -> None:
    trials = [record(number) for number in range(4)]
    places = [(one, 100.0, 50.0) for one in trials] + [(record(9), 100.0, 90.0)]
    apart = set_apart(places, key=lambda one: one.number == 2)
    assert [one.number for one, *_ in apart] == [0, 1, 2, 3, 9]
    assert sorted(x for _, x, y in apart if y == 50.0) == [82.0, 91.0, 100.0, 109.0]
    assert apart[2][1] == 100.0  # what matters most stays where it is
    assert apart[4][1:] == (100.0, 90.0)


def test_trials_of_one_micro_batch_and_speed_are_all_seen(tmp_path: Path) -> None:
    figure = speed_by_micro_batch(scored_study(tmp_path, *(record(n, train_examples_per_s=2.0) for n in range(3))))
    assert figure is not None
    assert len(set(re.findall(r'class="mark [^"]*" d="M([\d.]+) ', "".join(figure.parts)))) == 3


def test_a_trial_that_was_stopped_at_its_first_evaluation_is_seen_among_the_curves(tmp_path: Path) -> None:
    rows = [{"step": at, "examples_seen": 100 * at, "eval_wer": 0.5 - 0.01 * at} for at in range(10)]
    stopped = record(1, eval_wer=0.45, outcome=Outcome.PRUNED, history=rows[4:5])
    figure = learning_curves(scored_study(tmp_path, record(0, eval_wer=0.3, history=rows), stopped))
    assert figure is not None
    assert 'class="mark pruned"' in figure.svg
    assert "pruned" in [words for _, words in figure.key]


def test_wer_by_age_has_an_interval_for_each_of_the_two(tmp_path: Path) -> None:
    study = scored_study(tmp_path, record(0, eval_wer=0.3), record(1, eval_wer=0.2), children=40)
    figure = wer_by_age(study)
    assert figure is not None
    assert figure.svg.count('class="line joint"') == 2 * 4
    low, high = re.findall(r"best, age 3-4\nWER [\d.]+, 95 % ([\d.]+) to ([\d.]+) on", figure.svg)[0]
    rows = [row for row in study.utterances(study.best) if row["age_bucket"] == "3-4"]
    ends = interval(contender("", [UtteranceCounts.of(rows)]))
    assert ends is not None
    assert (low, high) == (f"{ends[0]:.3f}", f"{ends[1]:.3f}")


def test_children_are_shown_by_their_place_and_never_by_name(tmp_path: Path) -> None:
    study = scored_study(tmp_path, record(0, eval_wer=0.3), record(1, eval_wer=0.2), children=12)
    figure = wer_by_child(study)
    assert figure is not None
    assert not re.search(r"\bc\d\d\b", figure.svg + figure.caption)
    told = re.findall(r"child (\d+), best\nWER ([\d.]+)", figure.svg)
    assert [int(place) for place, _ in told] == list(range(1, 13))
    rates = [float(wer) for _, wer in told]
    assert rates == sorted(rates)
    assert len(re.findall(r"child \d+, baseline\n", figure.svg)) == 12


def test_of_very_many_children_an_even_choice_is_drawn(tmp_path: Path) -> None:
    study = scored_study(tmp_path, record(0, eval_wer=0.3), record(1, eval_wer=0.2), children=300)
    figure = wer_by_child(study)
    assert figure is not None
    assert figure.caption.endswith("Drawn are 100 of them.")
    assert len(re.findall(r"child \d+, best\n", figure.svg)) == 100


@pytest.mark.parametrize(("trials", "is_drawn"), [(7, False), (8, True)])
def test_values_side_by_side_are_drawn_from_eight_trials_on(tmp_path: Path, trials: int, is_drawn: bool) -> None:
    made = [
        record(number, eval_wer=0.2, config=config(1 + number), sample={"training.batch_size": 1 + number})
        for number in range(trials)
    ]
    repeat = record(99, eval_wer=0.2, config=config(3), finalist_of="t002")
    assert (parallel_values(scored_study(tmp_path, *made, repeat)) is not None) == is_drawn
