"""What a study says on the terminal: as it begins, as trials end, and at its end."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from raytrain.config.branches import drawn_in
from raytrain.config.space import ByBranch, Choice, Range
from raytrain.memory.buying import buys
from raytrain.report.front import front_lines
from raytrain.report.spent import spent_on, spent_sentence
from raytrain.report.table import product_text
from raytrain.results.records import TrialRecord
from raytrain.results.study_results import StudyResults
from raytrain.results.wording import short, split_text, trained_text, value_text
from raytrain.search.finalists import further_seeds, judged_seeds
from raytrain.study.history import History
from raytrain.study.projection import database_url
from raytrain.study.study import Study
from raytrain.terminal import say


def announce(study: Study, *, sweep: str | None) -> None:
    """Say what is searched, where, and where to look at it."""
    baseline, space, name = study.baseline, study.space, study.description.baseline_name
    say(f"study      {study.folder}")
    say(
        f"baseline   {name}: whisper-{baseline.model.variant}, {split_text(baseline)} = "
        f"{baseline.effective_batch_size()}, learning rate {short(baseline.training.learning_rate)}"
        f"{'' if baseline.model.adapter is None else ', ' + trained_text(baseline)}"
    )
    for key, drawn in space.vary.items():
        branches = {"full": ", full", "adapter": ", adapter"} if isinstance(drawn, ByBranch) else {}
        for branch, part in drawn_in(key, drawn):
            say(f"vary       {key}{branches.get(str(branch), '')}: {_choices(part)}")
    say(f"trials     {space.search.trials}, the baseline first; each at most {study.budget_examples} examples")
    again = further_seeds(space.search, baseline)
    if again:
        further = "another seed" if again == 1 else f"{again} more seeds"
        say(f"finalists  the best {space.search.finalists} and the baseline, each trained again with {further}")
    bought = buys(baseline, space, tflops=None, records=study.history.records)
    if bought is not None:
        say(f"budget     {bought['said']}")
    for line in study.inputs.halves.lines(seeds=judged_seeds(space.search, baseline)):
        say(line)
    for caveat in study.description.caveats():
        say(f"note       {caveat}")
    where = shlex.quote(str(study.folder))
    say(f"watch      optuna-dashboard {shlex.quote(database_url(study.folder))}")
    if baseline.tracking.tensorboard:
        say(f"           tensorboard --logdir {where}/tensorboard")
    if sweep is not None:
        say(f"           {sweep}")


def _choices(drawn: Choice | Range) -> str:
    if isinstance(drawn, Choice):
        return ", ".join(map(value_text, drawn.values))
    return f"{value_text(drawn.low)} to {value_text(drawn.high)}"


def trial_line(record: TrialRecord) -> str:
    """One trial as it ended."""
    wer = f"{record.config.model.rate()} {record.eval_wer:.4f}, " if record.eval_wer is not None else ""
    reason = f" ({record.reason})" if record.reason else ""
    again = f", {record.finalist_of} again with seed {record.seed}" if record.finalist_of is not None else ""
    rate = short(record.config.training.learning_rate)
    adapter = "" if record.config.model.adapter is None else f", {trained_text(record.config)}"
    return (
        f"trial {record.number}{again}: {product_text(record)}, learning rate {rate}{adapter}: "
        f"{wer}{record.outcome}{reason} after {record.examples_seen} examples in {record.wall_s:.0f} s"
    )


def last_words(found: StudyResults, records: Sequence[TrialRecord]) -> None:
    """Say the verdict and what can be done with it."""
    folder = found.folder
    begun = {trial.number for trial in History(folder, found.description).unfinished()}
    searched = sum(record.finalist_of is None for record in records)
    more = searched < found.description.asked.search.trials
    further = _of_the_budget(found, begun, more=more) and (bool(begun) or more)
    if found.best is None and not records:
        say(f"the baseline has not ended yet: nothing can be compared; to go on:\n{_further(folder)}")
        return
    if found.best is None:
        reasons = "; ".join(sorted({f"{record.outcome}: {record.reason}" for record in records}))
        say(f"no trial was completed ({reasons}); see {folder / 'trials.jsonl'}")
        return
    say(f"verdict    {found.verdict.sentence}")
    for place, line in enumerate(front_lines(found.front)):
        say(f"{'' if place else 'front':<10} {line}")
    say(f"report     {folder / 'report.html'}")
    say(f"train it   python -m raytrain.fit --config {shlex.quote(str(folder / 'best.yaml'))}")
    if found.front:
        say(f"           of the front: python -m raytrain.fit --config {shlex.quote(str(folder / 'front'))}/TRIAL.yaml")
    if further:
        say(f"go on      {_further(folder)}")
        return
    say(f"go on      python -m raytrain.tune --resume {shlex.quote(str(folder))} --trials {2 * searched}")


def _of_the_budget(found: StudyResults, begun: set[int], *, more: bool) -> bool:
    """Say what became of the budget; whether there is one."""
    spent = spent_on(found)
    if spent.budget_hours is None:
        return False
    is_left = more and not begun and spent.hours < spent.budget_hours
    say(f"budget     {spent_sentence(spent)}{'; in what is left no further trial can end' if is_left else ''}")
    if begun:
        say(f"saved      where {_named(begun)}, to be gone on with")
    return True


def _named(begun: set[int]) -> str:
    numbers = ", ".join(map(str, sorted(begun)))
    return f"trial {numbers} stands" if len(begun) == 1 else f"trials {numbers} stand"


def _further(folder: Path) -> str:
    return f"python -m raytrain.tune --resume {shlex.quote(str(folder))} --budget 1h"
