"""Charts of the scores: the best trial and the baseline by age and by length, prediction, and values side by side."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from raytrain.config.constants import AGE_BUCKETS
from raytrain.report.figures.marks import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Figure,
    axes,
    box,
    drawing,
    key_line,
    key_mark,
    line,
    mark,
    text,
)
from raytrain.report.figures.scales import Doublings, Scale, spanning, tick_text
from raytrain.report.figures.trials import PLOT, outcome_key, role, tip, trial_marks
from raytrain.report.study_results import StudyResults, memory_name, varied_keys
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.transcripts import counts
from raytrain.results.word_errors import WordErrors
from raytrain.results.wording import key_name, short

_ROW = 52
_LENGTHS_S = (0.0, 2.0, 4.0, 8.0, 15.0, 30.0, math.inf)


def wer_by_age(study: StudyResults) -> Figure | None:
    """Whom the winner serves better, and whom not."""
    return _side_by_side(
        study, lambda row: str(row["age_bucket"]), order=list(AGE_BUCKETS), title="WER by age", label="age",
        caption="The best trial beside the baseline, on the same utterances.",
    )  # fmt: skip


def wer_by_length(study: StudyResults) -> Figure | None:
    """Whether short or long clips are the trouble."""
    return _side_by_side(
        study, lambda row: _length(row.get("duration_s")), order=[_length(low) for low in _LENGTHS_S[:-1]],
        title="WER by length of clip", label="seconds", caption="The best trial beside the baseline, by duration.",
    )  # fmt: skip


def predicted_against_measured(study: StudyResults) -> Figure | None:
    """How far the memory formula may be trusted here. It is of a GPU's memory: a CPU run is no measurement of it."""
    pairs = [
        (one, one.predicted_memory_gib, peak)
        for one in study.records
        if one.predicted_memory_gib is not None and (peak := one.peak_memory_reserved_gib) is not None
    ]
    if not pairs:
        return None
    every = [value for _, *pair in pairs for value in pair]
    x, y = (spanning(every, start=start, end=end) for start, end in (PLOT["x"], PLOT["y"]))
    parts = [axes(x, y, x_label="predicted, GiB", y_label=f"{memory_name(study.records)}, GiB")]
    parts.append(line([(x.at(x.low), y.at(x.low)), (x.at(x.high), y.at(x.high))], kind="front"))
    parts += trial_marks(study, [(one, x.at(predicted), y.at(peak)) for one, predicted, peak in pairs])
    ratios = sorted(predicted / peak for _, predicted, peak in pairs)
    caption = (
        f"Memory predicted over measured: {ratios[0]:.2f} to {ratios[-1]:.2f}, median {ratios[len(ratios) // 2]:.2f}. "
        "Above the dashed line a trial needed more than predicted."
    )
    svg = drawing(parts, label="Predicted against measured memory")
    key = outcome_key(study, [one for one, *_ in pairs])
    return Figure(title="Predicted against measured memory", caption=caption, svg=svg, key=key)


def parallel_values(study: StudyResults) -> Figure | None:
    """Every scored trial's values on one axis each, coloured by WER."""
    shown = [one for one in study.scored() if one.outcome is Outcome.COMPLETED]
    keys = [key for key in varied_keys(study) if len({str(one.value(key)) for one in shown}) > 1]
    if len(shown) < 2 or not keys:
        return None
    measures: list[tuple[str, Callable[[TrialRecord], Any], bool]] = [
        (key_name(key), partial(TrialRecord.value, key=key), bool(_allowed(study, key).get("log"))) for key in keys
    ]
    measures.append(("effective batch", lambda one: one.effective_batch_size, True))
    measures.append(("WER", lambda one: one.eval_wer, False))
    width = 1140
    columns = [LEFT + 30 + number * (width - 2 * LEFT - 60) / (len(measures) - 1) for number in range(len(measures))]
    axes_of = [_Axis([measure(one) for one in shown], log=log) for _, measure, log in measures]
    parts = []
    for one in sorted(shown, key=lambda one: -(one.eval_wer or 0.0)):
        points = [
            (column, axis.at(measure(one)))
            for column, axis, (_, measure, _) in zip(columns, axes_of, measures, strict=True)
        ]
        kind = role(study, one) or f"shade{_shade(one, shown)}"
        parts.append(line(points, kind=kind, tip=tip(one)))
    for column, axis, (name, _, _) in zip(columns, axes_of, measures, strict=True):
        parts.append(f'<path class="stem" d="M{column:.1f} {axis.bottom}V{axis.top}"/>')
        parts += [text(column + 6, at + 4, words, kind="tick halo", anchor="start") for words, at in axis.labels()]
        parts.append(text(column, HEIGHT - 14, name, kind="axis"))
    key = [(key_line("best"), "best"), (key_line("baseline"), "baseline"), (key_line("shade0"), "low WER")]
    key += [(key_line("shade4"), "high WER")]
    caption = "A line is a completed trial. Lines of one colour that meet on an axis show a value that matters."
    svg = drawing(parts, label="Values of all completed trials", width=width)
    return Figure(title="Values and WER", caption=caption, svg=svg, key=key, wide=True)


def importance(study: StudyResults) -> Figure | None:
    """Which of the varied values set the best trials apart."""
    if not study.importance:
        return None
    height = _ROW * len(study.importance)
    x = Scale(low=0, high=max(1e-9, *study.importance.values()) * 1.15, start=RIGHT, end=WIDTH - RIGHT)
    parts = []
    for number, (key, share) in enumerate(sorted(study.importance.items(), key=lambda pair: (-pair[1], pair[0]))):
        here = _ROW * number
        tip = f"{key}\n{100 * share:.0f} % of what sets the best trials apart"
        parts.append(text(x.start, here + 20, key_name(key), kind="group", anchor="start"))
        parts.append(box(x.start, here + 28, x.at(share) - x.start, 16, kind="completed", tip=tip))
        parts.append(text(x.at(share) + 6, here + 41, f"{100 * share:.0f} %", kind="tick", anchor="start"))
    caption = "How far the values of the best trials differ from those of all (Optuna's PED-ANOVA). Few trials mislead."
    return Figure(title="What mattered", caption=caption, svg=drawing(parts, label="What mattered", height=height))


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


def _side_by_side(
    study: StudyResults,
    group: Callable[[dict[str, Any]], str],
    *,
    order: Sequence[str],
    title: str,
    label: str,
    caption: str,
) -> Figure | None:
    """A row a group: the baseline's WER and the best trial's, joined."""
    best, baseline = (_grouped(study.utterances(one), group) for one in (study.best, study.baseline))
    groups = [name for name in order if name in best] + sorted(set(best) - set(order))
    if not groups:
        return None
    wers = [errors.wer for each in (best, baseline) for errors, _ in each.values()]
    left = LEFT + 58
    x = spanning(wers, start=left, end=WIDTH - RIGHT, from_zero=True)
    height = TOP + BOTTOM + _ROW * len(groups)
    y = Scale(low=0, high=len(groups), start=height - BOTTOM, end=TOP)
    parts = [f'<path class="grid" d="M{x.at(at):.1f} {y.start:.1f}V{y.end:.1f}"/>' for at in x.ticks()]
    parts += [text(x.at(at), y.start + 18, tick_text(at), kind="tick") for at in x.ticks()]
    parts.append(text((left + WIDTH - RIGHT) / 2, y.start + 42, "WER", kind="axis"))
    for number, name in enumerate(groups):
        here = y.end + _ROW * number + _ROW / 2 - 4
        errors, clips = best[name]
        parts.append(
            text(left - 12, here, f"{label} {name}" if label == "age" else f"{name} s", kind="group", anchor="end")
        )
        parts.append(text(left - 12, here + 18, f"{clips} clips", kind="tick", anchor="end"))
        other = baseline.get(name)
        if other is not None:
            parts.append(line([(x.at(other[0].wer), here), (x.at(errors.wer), here)], kind="joint"))
            parts.append(mark("diamond", x.at(other[0].wer), here, kind="baseline", tip=_tip("baseline", name, *other)))
        parts.append(mark("star", x.at(errors.wer), here, kind="best", tip=_tip("best", name, errors, clips), size=7))
    key = [(key_mark("star", "best"), "best"), (key_mark("diamond", "baseline"), "baseline")]
    return Figure(title=title, caption=caption, svg=drawing(parts, label=title, height=height), key=key)


def _grouped(
    rows: Sequence[dict[str, Any]], group: Callable[[dict[str, Any]], str]
) -> dict[str, tuple[WordErrors, int]]:
    groups: dict[str, tuple[WordErrors, int]] = {}
    for row in rows:
        errors, clips = groups.get(group(row), (WordErrors(), 0))
        groups[group(row)] = (errors + counts(row), clips + 1)
    return groups


def _tip(who: str, name: str, errors: WordErrors, clips: int) -> str:
    edits = f"{errors.substitutions} substituted, {errors.deletions} left out, {errors.insertions} put in"
    return f"{who}, {name}\nWER {errors.wer:.3f} on {clips} clips\n{edits} of {errors.reference_words} words"


def _length(seconds: float | None) -> str:
    """The range that a duration falls in."""
    if seconds is None:
        return "unknown"
    for low, high in pairwise(_LENGTHS_S):
        if seconds < high:
            return f"{short(low)}–{short(high)}" if math.isfinite(high) else f"over {short(low)}"
    return "unknown"


def _allowed(study: StudyResults, key: str) -> dict[str, Any]:
    allowed: dict[str, Any] = study.space.get("vary", {}).get(key, {})
    return allowed


def _shade(one: TrialRecord, among: Sequence[TrialRecord]) -> int:
    """Which fifth of the trials this one belongs to: 0 has the lowest WERs."""
    place = sum((other.eval_wer or 0.0) < (one.eval_wer or 0.0) for other in among)
    return min(4, place * 5 // len(among))
