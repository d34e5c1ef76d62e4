"""Chart of what the hours bought: each trial's WER as it ended, and the lowest so far, over the time spent."""

from raytrain.report.figures.marks import Figure, axes, key_line, line
from raytrain.report.figures.scales import PLOT_X, spanning
from raytrain.report.figures.trial_marks import outcome_key, trial_mark, wer_scale
from raytrain.results.clock import stretches
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.study_results import StudyResults


def best_against_hours(study: StudyResults) -> Figure | None:
    """The lowest WER so far over the hours in which trials ran, breaks between starts left out."""
    ended = _ended(study)
    if len(ended) < 2:
        return None
    end_s = max(at_s for at_s, _ in ended)
    unit_s, unit = (60, "minutes") if end_s < 7200 else (3600, "hours")
    x = spanning([at_s / unit_s for at_s, _ in ended], PLOT_X, from_zero=True)
    wers = [one.eval_wer for _, one in ended if one.eval_wer is not None]
    y = wer_scale(wers, also=wers)
    parts = [axes(x, y, x_label=f"{unit} in which trials ran", y_label=study.rate)]
    corners: list[tuple[float, float]] = []
    for at_s, one in ended:
        wer = one.eval_wer or 0.0
        if one.outcome is Outcome.COMPLETED and (not corners or y.at(wer) > corners[-1][1]):  # pixels count downwards
            corners += [
                (x.at(at_s / unit_s), corners[-1][1] if corners else y.at(wer)),
                (x.at(at_s / unit_s), y.at(wer)),
            ]
    if corners:
        parts.append(line([*corners, (x.at(end_s / unit_s), corners[-1][1])], kind="best"))
    parts += [trial_mark(study, one, x.at(at_s / unit_s), y.at(one.eval_wer or 0.0)) for at_s, one in ended]
    key = [*outcome_key(study, [one for _, one in ended]), (key_line("best"), "the lowest so far")]
    return Figure(title=f"{study.rate} against time spent", caption=_caption(study, ended), parts=parts, key=key)


def _ended(study: StudyResults) -> list[tuple[float, TrialRecord]]:
    """The search's scored trials in the order in which they ended, with the seconds that trials had run by then."""
    spent_s, ends_s = 0.0, dict[str, float]()
    for begin, end, ran in stretches(study.records):
        spent_s += end - begin
        ends_s |= {one.trial_id: spent_s for one in ran}
    found = [
        (ends_s[one.trial_id], one)
        for one in study.records
        if one.finalist_of is None and one.eval_wer is not None and one.trial_id in ends_s
    ]
    return sorted(found, key=lambda pair: (pair[0], pair[1].number))


def _caption(study: StudyResults, ended: list[tuple[float, TrialRecord]]) -> str:
    best = study.best
    at_s = next((at_s for at_s, one in ended if best is not None and one.trial_id == best.trial_id), None)
    whole_s = max(at_s for at_s, _ in ended)
    found = f" The best was found after {100 * at_s / whole_s:.0f} % of the search's time." if at_s is not None else ""
    return f"What the search's hours bought, without the finalists' trainings.{found}"
