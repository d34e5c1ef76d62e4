"""Charts of the search: WER against memory and batch, splits by memory and speed, and learning curves."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

from raytrain.report.figures.marks import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Figure,
    axes,
    drawing,
    key_line,
    key_mark,
    line,
    mark,
    text,
)
from raytrain.report.figures.scales import Scale, spanning
from raytrain.report.study_results import StudyResults, memory_name, trial_title
from raytrain.results.choose import peak_memory_gib, undominated
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.wording import number_text

SHAPES = {
    Outcome.COMPLETED: "circle",
    Outcome.PRUNED: "circle",
    Outcome.DIVERGED: "triangle",
    Outcome.OUT_OF_MEMORY: "square",
    Outcome.NOT_STARTED: "square",
    Outcome.FAILED: "cross",
}
PLOT = {"x": (LEFT, WIDTH - RIGHT), "y": (HEIGHT - BOTTOM, TOP)}


def wer_against_memory(study: StudyResults) -> Figure | None:
    """Each trial by what it needs and what it scores, the front that nothing beats in both, and the limit."""
    points = [(one, peak) for one in study.scored() if (peak := peak_memory_gib(one)) is not None]
    if not points:
        return None
    limit = study.description.memory_limit_gib
    known = [peak for _, peak in points]
    # A limit far beyond every trial would squeeze them all into a corner.
    near = [limit] if limit is not None and limit < 2.5 * max(known) else []
    x, y = _x([*known, *near]), wer_scale([one.eval_wer or 0.0 for one, _ in points])
    parts = [axes(x, y, x_label=f"{memory_name(study.records)}, GiB", y_label="WER")]
    if near:
        parts.append(f'<path class="limit" d="M{x.at(near[0]):.1f} {y.start:.1f}V{y.end:.1f}"/>')
        parts.append(text(x.at(near[0]) - 5, y.end + 12, f"limit {near[0]:g} GiB", kind="note", anchor="end"))
    completed = [(peak, one.eval_wer or 0.0) for one, peak in points if one.outcome is Outcome.COMPLETED]
    front = sorted(completed[place] for place in undominated(completed))
    parts.append(line(_stairs([(x.at(peak), y.at(wer)) for peak, wer in front]), kind="front"))
    parts += trial_marks(study, [(one, x.at(peak), y.at(one.eval_wer or 0.0)) for one, peak in points])
    caption = "Lower and further left is better. The stairs join the completed trials that no other beats in both."
    key = [*outcome_key(study, [one for one, _ in points]), (key_line("front"), "Pareto front")]
    return Figure(title="WER against memory", caption=caption, svg=drawing(parts, label="WER against memory"), key=key)


def wer_against_effective_batch(study: StudyResults) -> Figure | None:
    """Whether more utterances in a step help, with the interval of the best trial of each size."""
    points = [(one, one.eval_wer) for one in study.scored() if one.eval_wer is not None]
    if not points:
        return None
    x = _x([float(one.effective_batch_size) for one, _ in points], kind="doublings")
    whiskers = _whiskers(study, points)
    ends = [end for _, low, high in whiskers for end in (low, high)]
    y = wer_scale([wer for _, wer in points], also=ends)
    parts = [axes(x, y, x_label="effective batch size, utterances a step", y_label="WER")]
    for one, low, high in whiskers:
        here = x.at(one.effective_batch_size)
        parts.append(f'<path class="whisker" d="M{here:.1f} {y.at(low):.1f}V{y.at(high):.1f}"/>')
    parts += trial_marks(study, [(one, x.at(one.effective_batch_size), y.at(wer)) for one, wer in points])
    caption = "What the quality of a model depends on is the effective batch, not how it is split."
    if whiskers:
        caption += (
            " Lines: the 95 % interval of the difference to the baseline, for the best trial of each size; children "
            "resampled, and wide enough for all trials at once."
        )
    svg = drawing(parts, label="WER against effective batch size")
    key = outcome_key(study, [one for one, _ in points])
    return Figure(title="Effective batch size against WER", caption=caption, svg=svg, key=key)


def memory_by_micro_batch(study: StudyResults) -> Figure | None:
    """What a split costs in memory; of a trial that was never measured, what it was predicted to cost."""
    return _by_micro_batch(
        study, lambda one: peak_memory_gib(one) or one.predicted_memory_gib, title="Memory by micro-batch",
        label=f"{memory_name(study.records)}, GiB", limit=study.description.memory_limit_gib,
        caption="The micro-batch decides what must fit on the card; accumulation makes up the effective batch. "
        "Squares did not fit, or were predicted not to: they stand at their prediction.",
    )  # fmt: skip


def speed_by_micro_batch(study: StudyResults) -> Figure | None:
    """What a split brings in speed."""
    return _by_micro_batch(
        study, lambda one: one.train_examples_per_s, title="Speed by micro-batch", label="clips/s in training",
        caption="Higher is better: the same effective batch in larger pieces keeps the device busier.",
    )  # fmt: skip


def learning_curves(study: StudyResults) -> Figure | None:
    """Every trial's WER as it went, the best and the baseline brought forward."""
    curves = []
    for one in study.records:
        steps = [(row["examples_seen"], row.get("eval_wer")) for row in one.history if "examples_seen" in row]
        points = [(float(seen), float(wer)) for seen, wer in steps if wer is not None]
        if points:
            curves.append((one, points))
    if not curves:
        return None
    x = _x([seen for _, points in curves for seen, _ in points])
    finals = [points[-1][1] for _, points in curves]
    y = wer_scale([wer for _, points in curves for _, wer in points], also=finals)
    parts = [axes(x, y, x_label="clips trained on", y_label="WER")]
    # Drawn last, the two that matter lie on top.
    for one, points in sorted(curves, key=lambda curve: _rank(study, curve[0])):
        parts.append(
            line([(x.at(seen), y.at(wer)) for seen, wer in points], kind=role(study, one) or "other", tip=tip(one))
        )
        if role(study, one):
            seen, wer = points[-1]
            parts.append(trial_mark(study, one, x.at(seen), y.at(wer)))
    key = [(key_line("best"), "best"), (key_line("baseline"), "baseline"), (key_line("other"), "other trials")]
    caption = "By clips trained on, the clock that is fair across batch sizes."
    return Figure(title="Learning curves", caption=caption, svg=drawing(parts, label="Learning curves"), key=key)


def trial_marks(study: StudyResults, places: Sequence[tuple[TrialRecord, float, float]]) -> list[str]:
    """Marks, those that matter most on top."""
    return [trial_mark(study, *place) for place in sorted(places, key=lambda place: _rank(study, place[0]))]


def trial_mark(study: StudyResults, one: TrialRecord, x: float, y: float) -> str:
    """A trial by its outcome; the best is a star and the baseline a diamond."""
    marked = role(study, one)
    shape = {"best": "star", "baseline": "diamond"}.get(marked, SHAPES[one.outcome])
    return mark(shape, x, y, kind=marked or str(one.outcome), tip=tip(one), size=7 if marked else 5)


def outcome_key(study: StudyResults, shown: Sequence[TrialRecord]) -> list[tuple[str, str]]:
    """A legend of what is in a chart."""
    roles = {role(study, one) for one in shown}
    key = [
        (key_mark(shape, name), name) for name, shape in (("best", "star"), ("baseline", "diamond")) if name in roles
    ]
    there = {one.outcome for one in shown if not role(study, one)}
    return key + [(key_mark(SHAPES[outcome], str(outcome)), str(outcome)) for outcome in Outcome if outcome in there]


def role(study: StudyResults, one: TrialRecord) -> str:
    """best, baseline or nothing."""
    if study.best is not None and one.trial_id == study.best.trial_id:
        return "best"
    return "baseline" if study.baseline is not None and one.trial_id == study.baseline.trial_id else ""


def tip(one: TrialRecord) -> str:
    """What a mark says when pointed at, a line each."""
    told = [trial_title(one), f"WER {number_text(one.eval_wer, 3)}, {one.outcome}"]
    peak = peak_memory_gib(one)
    if peak is not None or one.predicted_memory_gib is not None:
        told.append(f"memory {number_text(peak, 2)} GiB, predicted on a GPU {number_text(one.predicted_memory_gib, 2)}")
    if one.train_examples_per_s is not None:
        told.append(f"{one.train_examples_per_s:.1f} clips/s, {one.examples_seen} clips")
    return "\n".join(told)


def wer_scale(wers: Sequence[float], *, also: Sequence[float] = ()) -> Scale:
    """From a little below the best; a few that babble may not squeeze all others: they lie on the upper edge."""
    ordered = sorted(wers)
    middle = ordered[len(ordered) // 2]
    kept = [wer for wer in ordered if wer <= 2.5 * middle] or ordered
    return spanning([*kept, *(end for end in also if 0 <= end <= 3 * middle)], start=PLOT["y"][0], end=PLOT["y"][1])


def _x(values: Sequence[float], *, kind: str = "linear") -> Scale:
    start, end = PLOT["x"]
    return spanning(values, start=start, end=end, kind="doublings" if kind == "doublings" else "linear")


def _by_micro_batch(
    study: StudyResults,
    measure: Callable[[TrialRecord], float | None],
    *,
    title: str,
    label: str,
    caption: str,
    limit: float | None = None,
) -> Figure | None:
    points = [
        (one, float(one.config.training.batch_size), value)
        for one in study.records
        if (value := measure(one)) is not None
    ]
    if not points:
        return None
    x = _x([size for _, size, _ in points], kind="doublings")
    y = spanning([value for *_, value in points], start=PLOT["y"][0], end=PLOT["y"][1], from_zero=True)
    parts = [axes(x, y, x_label="micro-batch, utterances at a time", y_label=label)]
    if limit is not None and limit < y.high:
        parts.append(f'<path class="limit" d="M{x.start:.1f} {y.at(limit):.1f}H{x.end:.1f}"/>')
        parts.append(text(x.start + 6, y.at(limit) - 5, f"limit {limit:g} GiB", kind="note", anchor="start"))
    splits = _splits(points)
    parts += [line([(x.at(size), y.at(value)) for size, value in split], kind="split") for split in splits]
    parts += trial_marks(study, [(one, x.at(size), y.at(value)) for one, size, value in points])
    key = outcome_key(study, [one for one, *_ in points])
    if splits:
        key.append((key_line("split"), "splits of one effective batch"))
    return Figure(title=title, caption=caption, svg=drawing(parts, label=title), key=key)


def _splits(points: Sequence[tuple[TrialRecord, float, float]]) -> list[list[tuple[float, float]]]:
    """Of each effective batch that was split in several ways, the mean by micro-batch."""
    values: dict[int, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one, size, value in points:
        values[one.effective_batch_size][size].append(value)
    means = (
        [(size, sum(found) / len(found)) for size, found in sorted(by_size.items())] for by_size in values.values()
    )
    return [split for split in means if len(split) > 1]


def _whiskers(
    study: StudyResults, points: Sequence[tuple[TrialRecord, float]]
) -> list[tuple[TrialRecord, float, float]]:
    """For the lowest WER of each effective size: the interval of its difference, laid around its WER."""
    lowest: dict[int, tuple[TrialRecord, float]] = {}
    for one, wer in points:
        known = lowest.get(one.effective_batch_size)
        if one.trial_id in study.verdict.comparisons and (known is None or wer < known[1]):
            lowest[one.effective_batch_size] = (one, wer)
    told = []
    for one, wer in lowest.values():
        found = study.verdict.comparisons[one.trial_id]
        told.append((one, wer + found.low - found.difference, wer + found.high - found.difference))
    return told


def _stairs(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    steps = list(points[:1])
    for (_, above), (x, y) in pairwise(points):
        steps += [(x, above), (x, y)]
    return steps


def _rank(study: StudyResults, one: TrialRecord) -> tuple[int, int]:
    """The order of drawing: the baseline over the others, the best over all."""
    return ["", "baseline", "best"].index(role(study, one)), one.number
