"""Chart of the WER of each child, best trial beside baseline: whether a few children make the difference, or all."""

from collections import defaultdict
from collections.abc import Sequence

from raytrain.report.figures.marks import Figure, axes, key_mark, line, mark
from raytrain.report.figures.scales import PLOT_X, PLOT_Y, Scale, spanning
from raytrain.results.study_results import StudyResults
from raytrain.results.transcripts import Scored, counts
from raytrain.results.word_errors import WordErrors

_MOST = 120
"""Children that are drawn; of more, every second, third and so on."""


def wer_by_child(study: StudyResults) -> Figure | None:
    """Each child's WER with the best trial and with the baseline, ordered by the best's. Who the children are is not
    told: they are numbered by their place here."""
    best, baseline = (_by_child(study.utterances(one)) for one in (study.best, study.baseline))
    if len(best) < 2 or study.description.data.get("children_not_known"):
        return None
    ordered = sorted(best, key=lambda child: (best[child].wer, best[child].reference_words, child))
    stride = -(-len(ordered) // _MOST)
    shown = list(enumerate(ordered, 1))[stride // 2 :: stride]
    both = study.baseline is not None and study.best is not None and study.best.trial_id != study.baseline.trial_id
    other = {child: baseline[child] for _, child in shown if child in baseline and both}
    x = Scale(low=0, high=len(ordered) + 1, start=PLOT_X[0], end=PLOT_X[1])
    y = spanning(
        [*(best[child].wer for _, child in shown), *(one.wer for one in other.values())], PLOT_Y, from_zero=True
    )
    parts = [axes(x, y, x_label="children, from the best understood on", y_label=study.rate)]
    for place, child in shown:
        if child in other:
            parts.append(line([(x.at(place), y.at(one[child].wer)) for one in (other, best)], kind="split"))
    for place, child in shown:
        for shape, who, one in (("diamond", "baseline", other.get(child)), ("star", "best", best[child])):
            if one is not None:
                words = f"child {place}, {who}\n{study.rate} {one.wer:.3f}, {one.edits} errors in {one.reference_words}"
                parts.append(mark(shape, x.at(place), y.at(one.wer), kind=who, tip=words, size=4))
    key = [(key_mark("star", "best"), "best"), (key_mark("diamond", "baseline"), "baseline")][: 2 if other else 1]
    better = sum(best[child].wer < baseline[child].wer for child in best if child in baseline)
    caption = "A mark a child, numbered by its place here."
    if other:
        caption += f" With the best trial {better} of {len(best)} are understood better than with the baseline."
    if stride > 1:
        caption += f" Drawn are {len(shown)} of them."
    return Figure(title=f"{study.rate} by child", caption=caption, parts=parts, key=key)


def _by_child(rows: Sequence[Scored]) -> dict[str, WordErrors]:
    found: dict[str, list[WordErrors]] = defaultdict(list)
    for row in rows:
        found[row["child_id"]].append(counts(row))
    return {child: WordErrors.total(errors) for child, errors in found.items()}
