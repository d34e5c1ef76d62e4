"""Charts in which a mark is a trial: WER, memory and speed against what a trial needs and how its batch is split."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

from raytrain.report.figures.marks import Figure, axes, key_line, line, text
from raytrain.report.figures.scales import PLOT_X, PLOT_Y, Scale, spanning
from raytrain.report.figures.trial_marks import Place, outcome_key, rank, set_apart, trial_marks, wer_scale
from raytrain.report.statements import memory_name, on_gpu
from raytrain.results.choose import is_own_training, peak_memory_gib, undominated
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.significance import contender, intervals
from raytrain.results.study_results import StudyResults
from raytrain.results.transcripts import read_counts, transcripts_path
from raytrain.results.verdict import MIN_CHILDREN


def wer_against_memory(study: StudyResults) -> Figure | None:
    """Each trial by what it needs and what it scores, the front that nothing beats in both, and the limit."""
    points = [(one, peak, one.eval_wer or 0.0) for one in study.scored() if (peak := peak_memory_gib(one)) is not None]
    if not points:
        return None
    limit = study.description.memory_limit_gib
    known = [peak for _, peak, _ in points]
    # A limit far beyond every trial would squeeze them all into a corner.
    near = [limit] if limit is not None and limit < 2.5 * max(known) else []
    x, y = spanning([*known, *near], PLOT_X), wer_scale([wer for *_, wer in points])
    behind = []
    if near:
        behind.append(f'<path class="limit" d="M{x.at(near[0]):.1f} {y.start:.1f}V{y.end:.1f}"/>')
        behind.append(text(x.at(near[0]) - 5, y.end + 12, f"limit {near[0]:g} GiB", kind="note", anchor="end"))
    completed = [(peak, wer) for one, peak, wer in points if one.outcome is Outcome.COMPLETED]
    front = sorted(completed[place] for place in undominated(completed))
    behind.append(line(_stairs([(x.at(peak), y.at(wer)) for peak, wer in front]), kind="front"))
    title, labels = f"{study.rate} against memory", (f"{memory_name(study.records)}, GiB", study.rate)
    return _scatter(
        study, points, x=x, y=y, labels=labels, title=title,
        caption="Lower and further left is better. The stairs join the completed trials that no other beats in both.",
        behind=lambda _: behind, behind_key=[(key_line("front"), "Pareto front")],
    )  # fmt: skip


def wer_against_effective_batch(study: StudyResults) -> Figure | None:
    """Whether more utterances in a step help, with the interval of the best trial of each size."""
    points = [(one, float(one.effective_batch_size), one.eval_wer or 0.0) for one in study.scored()]
    if not points:
        return None
    known = _intervals(study, points)
    x = spanning([size for _, size, _ in points], PLOT_X, doublings=True)
    y = wer_scale([wer for *_, wer in points], also=[end for ends in known.values() for end in ends])
    caption = "What the quality of a model depends on is the effective batch, not how it is split."
    if known:
        caption += (
            f" Lines: the 95 % interval of the {study.rate} itself over children, for the best trial of each size, for "
            "all sizes at once. Where two overlap something may differ all the same: the verdict pairs the children."
        )

    def behind(places: Sequence[Place]) -> list[str]:
        return [
            f'<path class="whisker" d="M{across:.1f} {y.at(ends[0]):.1f}V{y.at(ends[1]):.1f}"/>'
            for one, across, _ in places
            if (ends := known.get(one.trial_id)) is not None
        ]

    return _scatter(
        study, points, x=x, y=y, labels=("effective batch size, utterances a step", study.rate),
        title=f"Effective batch size against {study.rate}", caption=caption, behind=behind, is_apart=True,
    )  # fmt: skip


def memory_by_micro_batch(study: StudyResults) -> Figure | None:
    """What a split of the batch costs in memory; of a trial that no GPU measured, what it was predicted to cost."""
    caption = "The micro-batch decides what must fit in memory; accumulation makes up the effective batch."
    predicted = on_gpu(study.records)
    if predicted:
        caption += " Squares did not fit, or were predicted not to: they stand at their prediction."
    return _by_micro_batch(
        study, lambda one: peak_memory_gib(one) or (one.predicted_memory_gib if predicted else None),
        title="Memory by micro-batch", label=f"{memory_name(study.records)}, GiB",
        limit=study.description.memory_limit_gib, caption=caption,
    )  # fmt: skip


def speed_by_micro_batch(study: StudyResults) -> Figure | None:
    """What a split of the batch brings in speed."""
    return _by_micro_batch(
        study, lambda one: one.train_examples_per_s, title="Speed by micro-batch", label="clips/s in training",
        caption="Higher is better: the same effective batch in larger pieces keeps the device busier.",
    )  # fmt: skip


def predicted_against_measured(study: StudyResults) -> Figure | None:
    """How far the memory formula may be trusted here. It is of a GPU's memory: a CPU run is no measurement of it."""
    points = [
        (one, one.predicted_memory_gib, peak)
        for one in study.records
        if one.predicted_memory_gib is not None and (peak := one.peak_memory_reserved_gib) is not None
    ]
    if not points:
        return None
    every = [value for _, *pair in points for value in pair]
    x, y = spanning(every, PLOT_X), spanning(every, PLOT_Y)
    ratios = sorted(predicted / peak for _, predicted, peak in points)
    diagonal = line([(x.at(x.low), y.at(x.low)), (x.at(x.high), y.at(x.high))], kind="front")
    return _scatter(
        study, points, x=x, y=y, labels=("predicted, GiB", f"{memory_name(study.records)}, GiB"),
        title="Predicted against measured memory", behind=lambda _: [diagonal], caption_in_markdown=True,
        caption=f"Memory predicted over measured: {ratios[0]:.2f} to {ratios[-1]:.2f}, median "
        f"{ratios[len(ratios) // 2]:.2f}. Above the dashed line a trial needed more than predicted.",
    )  # fmt: skip


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
    x = spanning([size for _, size, _ in points], PLOT_X, doublings=True)
    y = spanning([value for *_, value in points], PLOT_Y, from_zero=True)
    behind = []
    if limit is not None and limit < y.high:
        behind.append(f'<path class="limit" d="M{x.start:.1f} {y.at(limit):.1f}H{x.end:.1f}"/>')
        behind.append(text(x.start + 6, y.at(limit) - 5, f"limit {limit:g} GiB", kind="note", anchor="start"))
    splits = _splits(points)
    behind += [line([(x.at(size), y.at(value)) for size, value in split], kind="split") for split in splits]
    return _scatter(
        study, points, x=x, y=y, labels=("micro-batch, utterances at a time", label), title=title, caption=caption,
        behind=lambda _: behind, behind_key=[(key_line("split"), "splits of one effective batch")] if splits else [],
        is_apart=True,
    )  # fmt: skip


def _scatter(
    study: StudyResults,
    points: Sequence[Place],
    *,
    x: Scale,
    y: Scale,
    labels: tuple[str, str],
    title: str,
    caption: str,
    behind: Callable[[Sequence[Place]], Sequence[str]] = lambda _: (),
    behind_key: Sequence[tuple[str, str]] = (),
    caption_in_markdown: bool = False,
    is_apart: bool = False,
) -> Figure:
    """A chart of its axes, what lies behind the trials, by their pixels, and a mark for each trial; where many share an
    x, those that would hide each other `is_apart` sets side by side."""
    places = [(one, x.at(across), y.at(up)) for one, across, up in points]
    if is_apart:
        places = set_apart(places, key=lambda one: rank(study, one))
    return Figure(
        title=title,
        caption=caption,
        parts=[axes(x, y, x_label=labels[0], y_label=labels[1]), *behind(places), *trial_marks(study, places)],
        key=[*outcome_key(study, [one for one, *_ in points]), *behind_key],
        caption_in_markdown=caption_in_markdown,
    )


def _splits(points: Sequence[Place]) -> list[list[tuple[float, float]]]:
    """Of each effective batch that was split in several ways, the mean value by micro-batch."""
    values: dict[int, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one, size, value in points:
        values[one.effective_batch_size][size].append(value)
    means = (
        [(size, sum(found) / len(found)) for size, found in sorted(by_size.items())] for by_size in values.values()
    )
    return [split for split in means if len(split) > 1]


def _intervals(study: StudyResults, points: Sequence[Place]) -> dict[str, tuple[float, float]]:
    """By trial_id, for the lowest WER of each effective size among the search's own trainings: its own interval."""
    trained = [place for place in points if is_own_training(place[0])]
    lowest: dict[float, tuple[TrialRecord, float]] = {}
    for one, size, wer in trained:
        if size not in lowest or wer < lowest[size][1]:
            lowest[size] = (one, wer)
    scored = {one.trial_id: read_counts(transcripts_path(study.folder, one.number)) for one, _ in lowest.values()}
    first = next((rows for rows in scored.values() if rows is not None), None)
    paired = {
        of: rows for of, rows in scored.items() if rows is not None and first is not None and rows.pairs_with(first)
    }
    several = [contender(trial_id, [rows]) for trial_id, rows in paired.items()]
    found = intervals([one for one in several if one.num_children >= MIN_CHILDREN])
    return {of: ends for of, ends in zip(paired, found, strict=False) if ends is not None}


def _stairs(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    steps = list(points[:1])
    for (_, above), (x, y) in pairwise(points):
        steps += [(x, above), (x, y)]
    return steps
