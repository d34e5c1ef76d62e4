"""What a study says on the terminal as trials end, as it is stopped, and at its end."""

import shlex
from collections.abc import Sequence

from raytrain.cli import TO_REPORT
from raytrain.report.answers import answers
from raytrain.report.front import front_lines
from raytrain.report.spent import spent_on, spent_sentence
from raytrain.report.table import product_text
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.study_results import StudyResults
from raytrain.results.wording import short, trained_text
from raytrain.study.history import History
from raytrain.study.study import Study
from raytrain.terminal import here, say, tell, tell_command, tell_line


def tell_trial(record: TrialRecord) -> None:
    """Say how one trial ended."""
    tell_line(trial_line(record))


def trial_line(record: TrialRecord) -> str:
    """One trial as it ended."""
    wer = f"{record.config.model.rate()} {record.eval_wer:.4f}, " if record.eval_wer is not None else ""
    reason = f" ({record.reason})" if record.reason else ""
    again = f", {record.finalist_of} again with seed {record.seed}" if record.finalist_of is not None else ""
    rate = short(record.config.training.learning_rate)
    adapter = "" if record.config.model.adapter is None else f", {trained_text(record.config)}"
    return (
        f"trial {record.number}{again}: {product_text(record)}, lr {rate}{adapter}: "
        f"{wer}{record.outcome}{reason} after {record.examples_seen} clips in {record.wall_s:.0f} s"
    )


def last_words(found: StudyResults, records: Sequence[TrialRecord]) -> None:
    """Say what a person asks: did it help, which configuration, how sure, at what cost; and the one next step."""
    place = here(found.folder)
    if any(record.outcome is Outcome.FAILED for record in records):
        say(TO_REPORT.format(file=f"{place}/trials.jsonl"))
    begun = {trial.number for trial in History(found.folder, found.description).unfinished()}
    searched = sum(record.finalist_of is None for record in records)
    _of_the_budget(found, begun, more=searched < found.description.asked.search.trials)
    if found.best is None and not records:
        say(f"the baseline has not ended yet: nothing can be compared; to go on:\n{_further(place)}")
        return
    if found.best is None:
        reasons = "; ".join(sorted({f"{record.outcome}: {record.reason}" for record in records}))
        say(f"no trial was completed ({reasons}); see {here(found.folder / 'trials.jsonl')}")
        return
    said = answers(found, place=place)
    tell("result", " ".join(part for part in (f"{said.chain}." if said.chain else "", said.helped) if part))
    tell("which", said.which)
    tell("verdict", " ".join(part for part in (said.how_sure, said.would_take) if part))
    if said.costs:
        tell("costs", said.costs)
    for number, line in enumerate(front_lines(found.front)):
        tell("" if number else "front", line)
    if found.front:
        tell("", "train one of these by its number:")
        tell_command(f"python -m raytrain.fit --config {shlex.quote(f'{place}/front')}/TRIAL.yaml")
    tell_command(f"{place}/report.html", label="report")
    tell("next", said.next.words)
    tell_command(said.next.command)


def where_it_stands(study: Study, records: Sequence[TrialRecord]) -> str:
    """What a study has that was stopped, and what it goes on with; "" of one that has just begun."""
    begun = {trial.number for trial in study.history.unfinished()}
    if not records and not begun:
        return ""
    searched = sum(record.finalist_of is None for record in records)
    of_them = f"{searched} of {study.space.search.trials} trials have ended"
    return f"{of_them}; {_named(begun)} where it can go on" if begun else of_them


def _of_the_budget(found: StudyResults, begun: set[int], *, more: bool) -> None:
    """Say what became of the budget, where there is one."""
    spent = spent_on(found)
    if spent.budget_hours is None:
        return
    is_left = more and not begun and spent.hours < spent.budget_hours
    tell("budget", f"{spent_sentence(spent)}{'; in what is left no further trial can end' if is_left else ''}")
    if begun:
        tell("saved", f"where {_named(begun)}, to be gone on with")


def _named(begun: set[int]) -> str:
    numbers = ", ".join(map(str, sorted(begun)))
    return f"trial {numbers} stands" if len(begun) == 1 else f"trials {numbers} stand"


def _further(place: str) -> str:
    return f"python -m raytrain.tune --resume {shlex.quote(place)} --budget 1h"
