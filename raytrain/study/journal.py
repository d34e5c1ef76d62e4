"""The study as Optuna keeps it: trials started, reported and ended in; `optuna.db`, which optuna-dashboard opens, out.

Its numbers are the study's numbers. It knows what was started; what ended, the ledger knows better.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
from sqlalchemy.exc import SQLAlchemyError

from raytrain.errors import InputError
from raytrain.results.choose import peak_memory_gib
from raytrain.results.records import Outcome, TrialRecord
from raytrain.study.axes import Axes, Listed, Sample
from raytrain.study.sampler import Tried
from raytrain.trial.driver import WORST_OBJECTIVE

_STATES = {Outcome.PRUNED: TrialState.PRUNED, Outcome.FAILED: TrialState.FAIL}
CONSTRAINT = "memory_gib"
_FINALIST_OF, _SEED = "finalist_of", "training.seed"


class Journal:
    """One study in one SQLite file. Every call is a transaction: a kill leaves a trial started, or not."""

    def __init__(self, folder: Path, axes: Axes) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.url = f"sqlite:///{folder / 'optuna.db'}"
        self._axes = axes
        try:
            self._study = optuna.create_study(
                storage=optuna.storages.RDBStorage(self.url),
                study_name=folder.name,
                direction="minimize",
                sampler=optuna.samplers.RandomSampler(),
                load_if_exists=True,
            )
            self._trials = self._study.get_trials(deepcopy=False)
        except (SQLAlchemyError, RuntimeError, optuna.exceptions.OptunaError) as error:
            first = str(error).strip().splitlines()[0]
            raise InputError(
                f"{folder / 'optuna.db'}: cannot be read as an Optuna study ({first}); restore it from a copy, or move "
                "it away: the ledger is then all the sampler learns from"
            ) from None

    def __len__(self) -> int:
        return len(self._study.get_trials(deepcopy=False))

    def start(self, sample: Sample) -> int:
        """Write down that a sample is being tried; its number."""
        number = len(self)
        self._study.add_trial(
            create_trial(state=TrialState.RUNNING, params=dict(sample), distributions=self._distributions())
        )
        return number

    def start_again(self, finalist: TrialRecord, *, seed: int) -> int:
        """Write down that an ended trial is being trained with another seed; the number of that training."""
        number, first = len(self), self._trial(finalist.number)
        self._study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=first.params,
                distributions=first.distributions,
                user_attrs={_FINALIST_OF: finalist.trial_id, _SEED: seed},
            )
        )
        return number

    def report(self, number: int, *, examples_seen: int, objective: float) -> None:
        """One evaluation of a trial that goes on."""
        if self._trial(number).state == TrialState.RUNNING:
            self._handle(number).report(objective, examples_seen)

    def end(self, record: TrialRecord, *, objective: float, violation: float | None) -> None:
        """How a trial ended. Telling it again, after a kill, changes nothing."""
        trial = self._trial(record.number)
        if trial.state.is_finished():
            return
        if violation is not None:
            self._handle(record.number).set_constraint(CONSTRAINT, violation)
        self._handle(record.number).set_user_attr("outcome", str(record.outcome))
        state = _STATES.get(record.outcome, TrialState.COMPLETE)
        if state == TrialState.PRUNED and not trial.intermediate_values:
            self._handle(record.number).report(objective, record.examples_seen)
        self._study.tell(record.number, objective if state == TrialState.COMPLETE else None, state=state)

    def unfinished(self) -> dict[int, Sample]:
        """Samples that were started and never ended, by number."""
        return {trial.number: dict(trial.params) for trial in self._searched() if trial.state == TrialState.RUNNING}

    def unfinished_again(self) -> dict[int, tuple[str, int]]:
        """Trainings with another seed that never ended, by number: the finalist's trial_id, and the seed."""
        return {
            trial.number: (trial.user_attrs[_FINALIST_OF], trial.user_attrs[_SEED])
            for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            if _FINALIST_OF in trial.user_attrs
        }

    def tried(self) -> list[Tried]:
        """All that the search started, for the sampler to learn from."""
        return [
            Tried(
                sample=dict(trial.params),
                state=trial.state,
                objective=trial.value if trial.state == TrialState.COMPLETE else None,
                intermediate=trial.intermediate_values,
                violation=trial.constraints.get(CONSTRAINT),
            )
            for trial in self._searched()
        ]

    def reports(self) -> dict[int, Mapping[int, float]]:
        """Objective by examples seen, of every trial of the search: what the scheduler's rungs are made of."""
        return {trial.number: trial.intermediate_values for trial in self._searched()}

    def _searched(self) -> list[FrozenTrial]:
        """Without finalists trained again: they are no samples of their own."""
        return [one for one in self._study.get_trials(deepcopy=False) if _FINALIST_OF not in one.user_attrs]

    def _trial(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]

    def _handle(self, number: int) -> Trial:
        return Trial(self._study, self._trial(number)._trial_id)

    def _distributions(self) -> dict[str, BaseDistribution]:
        """Each key's range in the baseline's own terms, widened to hold the baseline."""
        distributions: dict[str, BaseDistribution] = {}
        for axis in self._axes.axes:
            baseline: Any = self._axes.baseline_sample[axis.key]
            if isinstance(axis, Listed) and not axis.ordered:
                distributions[axis.key] = CategoricalDistribution(list(dict.fromkeys([*axis.values, baseline])))
                continue
            ends: list[Any] = [axis.values[0], axis.values[-1]] if isinstance(axis, Listed) else [axis.low, axis.high]
            ends.append(baseline)
            kind = IntDistribution if all(isinstance(end, int) for end in ends) else FloatDistribution
            distributions[axis.key] = kind(min(ends), max(ends), log=axis.log)
        return distributions


def objective_of(record: TrialRecord) -> float:
    """The one finite number the sampler sees."""
    if record.eval_wer is None or record.outcome in (Outcome.DIVERGED, Outcome.OUT_OF_MEMORY, Outcome.FAILED):
        return WORST_OBJECTIVE
    return min(record.eval_wer, WORST_OBJECTIVE)


def violation_gib(record: TrialRecord, limit_gib: float | None) -> float | None:
    """By how much a trial's measured peak missed the limit; what did not fit the hardware missed it by some."""
    peak = peak_memory_gib(record)
    if record.outcome is Outcome.NOT_STARTED:
        peak = record.predicted_memory_gib
    if record.outcome in (Outcome.OUT_OF_MEMORY, Outcome.NOT_STARTED):
        return max(peak - limit_gib, 0.1) if peak is not None and limit_gib is not None else 0.1
    return peak - limit_gib if peak is not None and limit_gib is not None else None
