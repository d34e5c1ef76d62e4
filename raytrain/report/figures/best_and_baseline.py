"""Charts of the best trial beside the baseline: their WER on one validation set, by age and by length of clip."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from raytrain.config.constants import AGE_BUCKETS
from raytrain.config.languages import Rate
from raytrain.report.figures.marks import Figure, key_mark, line, mark, text, x_axis
from raytrain.report.figures.scales import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Scale, spanning, tick_text
from raytrain.results.study_results import StudyResults
from raytrain.results.transcripts import Scored, counts
from raytrain.results.word_errors import WordErrors
from raytrain.results.wording import LENGTHS, length_text

_ROW = 52
_LETTER = 7
"""The width of a letter of a group's name, at most."""


def wer_by_age(study: StudyResults) -> Figure | None:
    """WER of the best trial and the baseline by age: whom the winner serves better, and whom not."""
    return _side_by_side(
        study, lambda row: f"age {row['age_bucket']}", order=[f"age {bucket}" for bucket in AGE_BUCKETS],
        title=f"{study.rate} by age", caption="The best trial beside the baseline, on the same utterances.",
    )  # fmt: skip


def wer_by_source(study: StudyResults) -> Figure | None:
    """WER of the best trial and the baseline by manifest, where the utterances are of several."""
    if not all("source" in row for row in study.utterances(study.best)):
        return None
    return _side_by_side(
        study, lambda row: row.get("source") or "unknown", order=list(study.best.wer_by_source) if study.best else [],
        title=f"{study.rate} by manifest", caption="The best trial beside the baseline, by where the clips come from.",
    )  # fmt: skip


def wer_by_length(study: StudyResults) -> Figure | None:
    """WER of the best trial and the baseline by duration: whether short or long clips are the trouble."""
    return _side_by_side(
        study, lambda row: length_text(row.get("duration_s")), order=LENGTHS,
        title=f"{study.rate} by length of clip", caption="The best trial beside the baseline, by duration.",
    )  # fmt: skip


def _side_by_side(
    study: StudyResults, group: Callable[[Scored], str], *, order: Sequence[str], title: str, caption: str
) -> Figure | None:
    """A row a group of utterances: the baseline's WER and the best trial's, joined."""
    best, baseline = (_grouped(study.utterances(one), group) for one in (study.best, study.baseline))
    groups = [name for name in order if name in best] + sorted(set(best) - set(order))
    if not groups:
        return None
    wers = [errors.wer for each in (best, baseline) for errors, _ in each.values()]
    left = LEFT + max(58, _LETTER * max(map(len, groups)))
    x = spanning(wers, (left, WIDTH - RIGHT), from_zero=True)
    height = TOP + BOTTOM + _ROW * len(groups)
    y = Scale(low=0, high=len(groups), start=height - BOTTOM, end=TOP)
    parts = x_axis(x, y, [(at, tick_text(at)) for at in x.ticks()], study.rate)
    for number, name in enumerate(groups):
        here = y.end + _ROW * number + _ROW / 2 - 4
        errors, clips = best[name]
        parts.append(text(left - 12, here, name, kind="group", anchor="end"))
        parts.append(text(left - 12, here + 18, f"{clips} clips", kind="tick", anchor="end"))
        other = baseline.get(name)
        if other is not None:
            parts.append(line([(x.at(other[0].wer), here), (x.at(errors.wer), here)], kind="joint"))
            parts.append(
                mark(
                    "diamond", x.at(other[0].wer), here, kind="baseline", tip=_tip(study.rate, "baseline", name, *other)
                )
            )
        parts.append(
            mark("star", x.at(errors.wer), here, kind="best", tip=_tip(study.rate, "best", name, errors, clips), size=7)
        )
    key = [(key_mark("star", "best"), "best"), (key_mark("diamond", "baseline"), "baseline")]
    return Figure(title=title, caption=caption, parts=parts, height=height, key=key)


def _grouped(rows: Sequence[Scored], group: Callable[[Scored], str]) -> dict[str, tuple[WordErrors, int]]:
    groups: dict[str, list[WordErrors]] = defaultdict(list)
    for row in rows:
        groups[group(row)].append(counts(row))
    return {name: (WordErrors.total(errors), len(errors)) for name, errors in groups.items()}


def _tip(rate: Rate, who: str, name: str, errors: WordErrors, clips: int) -> str:
    edits = f"{errors.substitutions} substituted, {errors.deletions} left out, {errors.insertions} put in"
    counted = f"{errors.reference_words} {'words' if rate == 'WER' else 'characters'}"
    return f"{who}, {name}\n{rate} {errors.wer:.3f} on {clips} clips\n{edits} of {counted}"
