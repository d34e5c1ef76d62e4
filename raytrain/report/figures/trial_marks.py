"""A trial in a chart: its record in; its mark, its place in the legend and what it says when pointed at out."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from raytrain.report.figures.marks import key_mark, mark
from raytrain.report.figures.scales import PLOT_Y, Scale, spanning
from raytrain.results.choose import peak_memory_gib
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.study_results import StudyResults
from raytrain.results.wording import number_text, trial_title

Place = tuple[TrialRecord, float, float]
"""A trial and the pixel that its mark is drawn around."""
_APART = 9.0
"""Pixels between two marks, so that each is seen."""
_MOVES = (0.0, -9.0, 9.0, -18.0, 18.0)
_ROLES = {"best": "star", "baseline": "diamond"}
_SHAPES = {
    Outcome.COMPLETED: "circle",
    Outcome.PRUNED: "circle",
    Outcome.DIVERGED: "triangle",
    Outcome.OUT_OF_MEMORY: "square",
    Outcome.NOT_STARTED: "square",
    Outcome.FAILED: "cross",
}


def trial_marks(study: StudyResults, places: Sequence[Place]) -> list[str]:
    """The marks of trials, those that matter most on top."""
    return [trial_mark(study, *place) for place in sorted(places, key=lambda place: rank(study, place[0]))]


def trial_mark(study: StudyResults, one: TrialRecord, x: float, y: float) -> str:
    """A trial's mark, by its outcome; the best is a star and the baseline a diamond."""
    marked = role(study, one)
    shape = _ROLES[marked] if marked else _SHAPES[one.outcome]
    return mark(shape, x, y, kind=marked or str(one.outcome), tip=tip(one), size=7 if marked else 5)


def outcome_key(study: StudyResults, shown: Sequence[TrialRecord]) -> list[tuple[str, str]]:
    """The legend of a chart: the roles and outcomes of the trials shown in it."""
    roles = {role(study, one) for one in shown}
    ended = {one.outcome for one in shown if not role(study, one)}
    return [(key_mark(shape, name), name) for name, shape in _ROLES.items() if name in roles] + [
        (key_mark(_SHAPES[outcome], outcome), str(outcome)) for outcome in Outcome if outcome in ended
    ]


def role(study: StudyResults, one: TrialRecord) -> str:
    """Whether a trial is the best or the baseline, as "best", "baseline" or ""; the best before the baseline."""
    return ["", *study.roles(one)][-1]


def rank(study: StudyResults, one: TrialRecord) -> tuple[int, int]:
    """A key to sort trials by for drawing: the baseline over the others, the best over all."""
    return ["", "baseline", "best"].index(role(study, one)), one.number


def tip(one: TrialRecord) -> str:
    """What a trial's mark says when pointed at, a line each."""
    lines = [trial_title(one), f"{one.config.model.rate()} {number_text(one.eval_wer, 3)}, {one.outcome}"]
    peak, predicted = peak_memory_gib(one), one.predicted_memory_gib
    on_gpu = one.gpu_fraction is not None or one.peak_memory_reserved_gib is not None
    if predicted is not None and (on_gpu or one.outcome is Outcome.NOT_STARTED):
        lines.append(f"memory {number_text(peak, 2)} GiB, predicted {number_text(predicted, 2)}")
    elif peak is not None:
        lines.append(f"memory {number_text(peak, 2)} GiB")
    if one.train_examples_per_s is not None:
        lines.append(f"{one.train_examples_per_s:.1f} clips/s, {one.examples_seen} clips")
    return "\n".join(lines)


def wer_scale(wers: Sequence[float], *, also: Sequence[float] = ()) -> Scale:
    """A scale of WERs from a little below the best. A few trials that babble lie on its edge: else they squeeze all."""
    ordered = sorted(wers)
    middle = ordered[len(ordered) // 2]
    kept = [wer for wer in ordered if wer <= 2.5 * middle] or ordered
    return spanning([*kept, *(end for end in also if 0 <= end <= 3 * middle)], PLOT_Y)


def set_apart(places: Sequence[Place], *, key: Callable[[TrialRecord], Any]) -> list[Place]:
    """Marks that would lie on each other moved sideways, by a few pixels to the left and to the right in turn; those
    of trials with the highest key stay where they are. In the order given."""
    taken: list[tuple[float, float]] = []
    moved: dict[int, Place] = {}
    for number in sorted(range(len(places)), key=lambda number: key(places[number][0]), reverse=True):
        one, x, y = places[number]
        free = next((x + by for by in _MOVES if _is_free(x + by, y, taken)), x)
        taken.append((free, y))
        moved[number] = (one, free, y)
    return [moved[number] for number in range(len(places))]


def _is_free(x: float, y: float, taken: Sequence[tuple[float, float]]) -> bool:
    return all(math.hypot(x - other_x, y - other_y) >= _APART for other_x, other_y in taken)
