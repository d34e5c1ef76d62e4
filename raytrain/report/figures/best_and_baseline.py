"""Charts of the best trial beside the baseline: their WER on one validation set, by age and by length of clip."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from raytrain.config.constants import AGE_BUCKETS
from raytrain.config.languages import Rate
from raytrain.report.figures.marks import Figure, key_mark, line, mark, text, x_axis
from raytrain.report.figures.scales import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Scale, spanning, tick_text
from raytrain.results.significance import contender, interval
from raytrain.results.study_results import StudyResults
from raytrain.results.transcripts import Scored, UtteranceCounts, counts
from raytrain.results.verdict import MIN_CHILDREN
from raytrain.results.word_errors import WordErrors
from raytrain.results.wording import LENGTHS, length_text

_ROW, _LANE = 52, 7
"""Pixels from group to group, and from a group's middle to each of its two marks where intervals are drawn."""
_LETTER = 7
"""The width of a letter of a group's name, at most."""


def wer_by_age(study: StudyResults) -> Figure | None:
    """WER of the best trial and the baseline by age: whom the winner serves better, and whom not."""
    return _side_by_side(
        study, lambda row: f"age {row['age_bucket']}", order=[f"age {bucket}" for bucket in AGE_BUCKETS],
        title=f"{study.rate} by age", with_intervals=True,
        caption="The best trial beside the baseline, on the same utterances.",
    )  # fmt: skip


def wer_by_source(study: StudyResults) -> Figure | None:
    """WER of the best trial and the baseline by manifest, where the utterances are of several."""
    if not all("source" in row for row in study.utterances(study.best)):
        return None
    return _side_by_side(
        study, lambda row: row.get("source") or "unknown", order=list(study.best.wer_by_source) if study.best else [],
        title=f"{study.rate} by manifest", with_intervals=True,
        caption="The best trial beside the baseline, by where the clips come from.",
    )  # fmt: skip


def wer_by_length(study: StudyResults) -> Figure | None:
    """WER of the best trial and the baseline by duration: whether short or long clips are the trouble."""
    return _side_by_side(
        study, lambda row: length_text(row.get("duration_s")), order=LENGTHS,
        title=f"{study.rate} by length of clip", caption="The best trial beside the baseline, by duration.",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """What one of the two heard of a group."""

    errors: WordErrors
    clips: int
    ends: tuple[float, float] | None
    """The 95 % interval of its rate over children; None where it was not asked for, or they are too few."""


def _side_by_side(
    study: StudyResults,
    group: Callable[[Scored], str],
    *,
    order: Sequence[str],
    title: str,
    caption: str,
    with_intervals: bool = False,
) -> Figure | None:
    """A row a group of utterances: the baseline's WER over the best trial's, with their intervals or joined."""
    best, baseline = (
        _grouped(study.utterances(one), group, with_intervals=with_intervals) for one in (study.best, study.baseline)
    )
    groups = [name for name in order if name in best] + sorted(set(best) - set(order))
    if not groups:
        return None
    every = [heard for each in (best, baseline) for heard in each.values()]
    has_ends = any(heard.ends is not None for heard in every)
    left = LEFT + max(58, _LETTER * max(map(len, groups)))
    wers = [wer for heard in every for wer in (heard.errors.wer, *(heard.ends or ()))]
    x = spanning(wers, (left, WIDTH - RIGHT), from_zero=True)
    height = TOP + BOTTOM + _ROW * len(groups)
    y = Scale(low=0, high=len(groups), start=height - BOTTOM, end=TOP)
    parts = x_axis(x, y, [(at, tick_text(at)) for at in x.ticks()], study.rate)
    for number, name in enumerate(groups):
        here = y.end + _ROW * number + _ROW / 2 - 4
        parts.append(text(left - 12, here, name, kind="group", anchor="end"))
        parts.append(text(left - 12, here + 18, f"{best[name].clips} clips", kind="tick", anchor="end"))
        shown = [("diamond", "baseline", baseline.get(name), -_LANE), ("star", "best", best[name], _LANE)]
        lanes = [(shape, who, heard, here + by * has_ends) for shape, who, heard, by in shown if heard is not None]
        if not has_ends:
            parts.append(line([(x.at(heard.errors.wer), up) for *_, heard, up in lanes], kind="joint"))
        for shape, who, heard, up in lanes:
            if heard.ends is not None:
                parts.append(line([(x.at(end), up) for end in heard.ends], kind="joint"))
            words = _tip(study.rate, who, name, heard)
            size = 7 if who == "best" else 5
            parts.append(mark(shape, x.at(heard.errors.wer), up, kind=who, tip=words, size=size))
    key = [(key_mark("star", "best"), "best"), (key_mark("diamond", "baseline"), "baseline")]
    if has_ends:
        caption += f" Lines: the 95 % interval of each {study.rate}, with other children in place of these."
    return Figure(title=title, caption=caption, parts=parts, height=height, key=key)


def _grouped(rows: Sequence[Scored], group: Callable[[Scored], str], *, with_intervals: bool) -> dict[str, _Heard]:
    groups: dict[str, list[Scored]] = defaultdict(list)
    for row in rows:
        groups[group(row)].append(row)
    return {
        name: _Heard(
            errors=WordErrors.total(map(counts, of)), clips=len(of), ends=_ends(of) if with_intervals else None
        )
        for name, of in groups.items()
    }


def _ends(rows: Sequence[Scored]) -> tuple[float, float] | None:
    heard = contender("", [UtteranceCounts.of(rows)])
    return interval(heard) if heard.num_children >= MIN_CHILDREN else None


def _tip(rate: Rate, who: str, name: str, heard: _Heard) -> str:
    errors = heard.errors
    width = "" if heard.ends is None else f", 95 % {heard.ends[0]:.3f} to {heard.ends[1]:.3f}"
    edits = f"{errors.substitutions} substituted, {errors.deletions} left out, {errors.insertions} put in"
    counted = f"{errors.reference_words} {'words' if rate == 'WER' else 'characters'}"
    return f"{who}, {name}\n{rate} {errors.wer:.3f}{width} on {heard.clips} clips\n{edits} of {counted}"
