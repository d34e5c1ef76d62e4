"""WER as training went: of a study's trials, or of runs set side by side."""

from collections.abc import Sequence

from raytrain.report.comparison import ComparedRun, shared_rate
from raytrain.report.figures.marks import Figure, axes, key_line, key_mark, line, mark
from raytrain.report.figures.scales import PLOT_X, PLOT_Y, spanning
from raytrain.report.figures.trial_marks import outcome_key, rank, role, tip, trial_mark, wer_scale
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.study_results import StudyResults

_SHAPES = ("circle", "diamond", "square", "triangle", "star", "cross")


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
    x = spanning([seen for _, points in curves for seen, _ in points], PLOT_X)
    finals = [points[-1][1] for _, points in curves]
    y = wer_scale([wer for _, points in curves for _, wer in points], also=finals)
    parts = [axes(x, y, x_label="clips trained on", y_label=study.rate)]
    # Drawn last, the two that matter lie on top.
    for one, points in sorted(curves, key=lambda curve: rank(study, curve[0])):
        places, marked = [(x.at(seen), y.at(wer)) for seen, wer in points], role(study, one)
        parts.append(line(places, kind=marked or "other", tip=tip(one)))
        # One that was stopped at its first evaluation is a point, and no line would show it.
        parts += [trial_mark(study, one, *places[-1])] * bool(marked or _stopped(one) or len(places) == 1)
    key = [(key_line("best"), "best"), (key_line("baseline"), "baseline"), (key_line("other"), "other trials")]
    stopped = [one for one, _ in curves if _stopped(one) and not role(study, one)]
    key += outcome_key(study, stopped)
    caption = "By clips trained on, the clock that is fair across batch sizes."
    if stopped:
        caption += " A mark is where a trial was stopped."
    return Figure(title="Learning curves", caption=caption, parts=parts, key=key)


def _stopped(one: TrialRecord) -> bool:
    return one.outcome is not Outcome.COMPLETED


def curves_of_runs(runs: Sequence[ComparedRun]) -> Figure | None:
    """Each run's WER over clips trained on; over steps where some run does not say how many clips those were."""
    histories = [(run, [row for row in run.summary["history"] if row.get("eval_wer") is not None]) for run in runs]
    histories = [(run, history) for run, history in histories if history]
    if not histories:
        return None
    clock = "examples_seen" if all("examples_seen" in row for _, history in histories for row in history) else "step"
    curves = [(run, [(row.get(clock) or 0, row["eval_wer"]) for row in history]) for run, history in histories]
    x = spanning([at for _, points in curves for at, _ in points], PLOT_X, from_zero=True)
    y = spanning([wer for _, points in curves for _, wer in points], PLOT_Y)
    rate = shared_rate(runs)
    parts = [axes(x, y, x_label="clips trained on" if clock == "examples_seen" else "optimizer steps", y_label=rate)]
    key = []
    for number, (run, points) in enumerate(curves):
        kind, shape = f"run{number % len(_SHAPES)}", _SHAPES[number % len(_SHAPES)]
        parts.append(line([(x.at(at), y.at(wer)) for at, wer in points], kind=kind))
        parts += [
            mark(shape, x.at(at), y.at(wer), kind=kind, tip=f"{run.name}\n{at} {clock}\n{rate} {wer:.3f}")
            for at, wer in points
        ]
        key.append((key_mark(shape, kind), run.name))
    return Figure(title="Learning curves", caption="A study stands for its best trial.", parts=parts, key=key)
