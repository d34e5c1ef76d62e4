"""Charts of what a study varied: the values of all completed trials side by side, and which values mattered."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from raytrain.config.branches import drawn_in
from raytrain.config.space import Range
from raytrain.report.figures.marks import Figure, box, key_line, line, text
from raytrain.report.figures.scales import (
    BOTTOM,
    FULL_WIDTH,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Doublings,
    Scale,
    tick_text,
)
from raytrain.report.figures.trial_marks import role, tip
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.study_results import StudyResults, varied_keys
from raytrain.results.wording import key_name

_ROW = 52
_ENOUGH = 8
"""Trials from which on lines show more than the table does."""


def parallel_values(study: StudyResults) -> Figure | None:
    """Every completed trial's values, on an axis for each varied key, coloured by WER."""
    shown = [one for one in study.scored() if one.outcome is Outcome.COMPLETED and one.finalist_of is None]
    keys = [key for key in varied_keys(study) if len({str(one.config.value_at(key)) for one in shown}) > 1]
    if len(shown) < _ENOUGH or not keys:
        return None
    measures: list[tuple[str, Callable[[TrialRecord], Any], bool]] = []
    for varied in keys:
        drawn = [part for _, part in drawn_in(varied, study.vary[varied])] if varied in study.vary else []
        log = bool(drawn) and all(isinstance(part, Range) and part.log for part in drawn)
        measures.append((key_name(varied), partial(_value_at, varied), log))
    measures.append(("effective batch", lambda one: one.effective_batch_size, True))
    measures.append((study.rate, lambda one: one.eval_wer, False))
    step = (FULL_WIDTH - 2 * LEFT - 60) / (len(measures) - 1)
    columns = [
        (LEFT + 30 + number * step, name, measure, _Axis([measure(one) for one in shown], log=log))
        for number, (name, measure, log) in enumerate(measures)
    ]
    parts = []
    for one in sorted(shown, key=lambda one: -(one.eval_wer or 0.0)):
        points = [(column, axis.at(measure(one))) for column, _, measure, axis in columns]
        parts.append(line(points, kind=role(study, one) or f"shade{_shade(one, shown)}", tip=tip(one)))
    for column, name, _, axis in columns:
        parts.append(f'<path class="stem" d="M{column:.1f} {axis.bottom}V{axis.top}"/>')
        parts += [text(column + 6, at + 4, words, kind="tick halo", anchor="start") for words, at in axis.labels()]
        parts.append(text(column, HEIGHT - 14, name, kind="axis"))
    words = {"best": "best", "baseline": "baseline", "shade0": f"low {study.rate}", "shade4": f"high {study.rate}"}
    caption = "A line is a completed trial. Lines of one colour that meet on an axis show a value that matters."
    key = [(key_line(kind), name) for kind, name in words.items()]
    return Figure(title=f"Values and {study.rate}", caption=caption, parts=parts, key=key, width=FULL_WIDTH)


def importance(study: StudyResults) -> Figure | None:
    """Which of the varied values set the best trials apart."""
    if not study.importance:
        return None
    x = Scale(low=0, high=max(1e-9, *study.importance.values()) * 1.15, start=RIGHT, end=WIDTH - RIGHT)
    parts = []
    for number, (key, share) in enumerate(study.by_importance()):
        here = _ROW * number
        tip = f"{key}\n{100 * share:.0f} % of what sets the best trials apart"
        parts.append(text(x.start, here + 20, key_name(key), kind="group", anchor="start"))
        parts.append(box(x.start, here + 28, x.at(share) - x.start, 16, kind="completed", tip=tip))
        parts.append(text(x.at(share) + 6, here + 41, f"{100 * share:.0f} %", kind="tick", anchor="start"))
    caption = "How far the values of the best trials differ from those of all (Optuna's PED-ANOVA). Few trials mislead."
    return Figure(title="What mattered", caption=caption, parts=parts, height=_ROW * len(study.importance))


class _Axis:
    """One value's axis: numbers by size, all else by name."""

    bottom, top = HEIGHT - BOTTOM, TOP + 8

    def __init__(self, values: Sequence[Any], *, log: bool) -> None:
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        self._scale: Scale | None = None
        self._whole = all(isinstance(number, int) for number in numbers)
        if len(numbers) == len(values):
            low, high = min(numbers), max(numbers)
            air = 0 if high > low else abs(high) / 2 or 1
            made = Doublings if self._whole and low > 0 and high >= 2 * low else Scale
            by_ratio = (log or made is Doublings) and low - air > 0
            self._scale = made(low=low - air, high=high + air, start=self.bottom, end=self.top, log=by_ratio)
        self._names = sorted({str(value) for value in values})

    def at(self, value: Any) -> float:
        if self._scale is not None:
            return self._scale.at(value)
        place = (self._names.index(str(value)) + 0.5) / len(self._names)
        return self.bottom + (self.top - self.bottom) * place

    def labels(self) -> list[tuple[str, float]]:
        if self._scale is None:
            return [(name, self.at(name)) for name in self._names]
        ticks = [tick for tick in self._scale.ticks() if tick == int(tick) or not self._whole]
        return [(tick_text(tick), self._scale.at(tick)) for tick in ticks]


def _value_at(key: str, record: TrialRecord) -> Any:
    return record.config.value_at(key)


def _shade(one: TrialRecord, among: Sequence[TrialRecord]) -> int:
    """Which fifth of the trials this one belongs to: 0 has the lowest WERs."""
    place = sum((other.eval_wer or 0.0) < (one.eval_wer or 0.0) for other in among)
    return min(4, place * 5 // len(among))
