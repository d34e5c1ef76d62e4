"""The study as Optuna keeps it: trials started, reported and ended in; `optuna.db`, which optuna-dashboard opens, out.

Its numbers are the study's numbers. It knows what was started; what ended, the ledger knows better.
"""

import errno
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from raytrain.errors import InputError
from raytrain.results.choose import MEASURES
from raytrain.results.records import Outcome, TrialRecord
from raytrain.search.axes import Axes, Listed, Sample
from raytrain.search.encoding import Tried
from raytrain.search.objectives import constraints_of, measures_of, objective_of

_STATES = {Outcome.PRUNED: TrialState.PRUNED, Outcome.FAILED: TrialState.FAIL}
_FINALIST_OF, _SEED, _OUTCOME, _WER_AT = "finalist_of", "training.seed", "outcome", "wer_at_examples:"


class Journal:
    """One study in one SQLite file. Every call is a transaction: a kill leaves a trial started, or not."""

    def __init__(self, folder: Path, axes: Axes, *, is_pareto: bool = False) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.url = f"sqlite:///{folder / 'optuna.db'}"
        self._axes, self._is_pareto = axes, is_pareto
        try:
            storage = optuna.storages.RDBStorage(self.url)
            sampler = optuna.samplers.RandomSampler()
            # A folder that was renamed holds its study under the name it had.
            if names := optuna.get_all_study_names(storage):
                self._study = optuna.load_study(study_name=names[0], storage=storage, sampler=sampler)
            else:
                directions = [StudyDirection.MINIMIZE] * (len(MEASURES) if is_pareto else 1)
                self._study = optuna.create_study(
                    storage=storage, study_name=folder.name, directions=directions, sampler=sampler
                )
            if is_pareto and self._study.metric_names is None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                    self._study.set_metric_names(list(MEASURES))
            self._study.get_trials(deepcopy=False)
        except (SQLAlchemyError, RuntimeError, optuna.exceptions.OptunaError) as error:
            first = str(error).strip().splitlines()[0]
            raise InputError(
                f"{folder / 'optuna.db'}: cannot be read as an Optuna study ({first}); restore it from a copy, or move "
                "it away: the ledger is then all the sampler learns from"
            ) from None

    def __len__(self) -> int:
        return len(self._study.get_trials(deepcopy=False))

    def catch_up(self, records: Sequence[TrialRecord], *, memory_limit_gib: float | None) -> None:
        """Write down what the ledger alone has heard of: ends that a kill cut off, or all where the file is new."""
        for record in sorted(records, key=lambda one: one.number):
            while len(self) < record.number:  # begun once, and nobody knows any more what it was
                number = self.start(self._axes.baseline_sample)
                self._study.tell(number, state=TrialState.FAIL)
            if len(self) == record.number and record.finalist_of is None:
                self.start(record.sample or self._axes.baseline_sample)
            elif len(self) == record.number:
                first = next(one for one in records if one.trial_id == record.finalist_of)
                self.start_again(first, seed=record.seed)
            self.end(record, memory_limit_gib=memory_limit_gib)

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
        if self._trial(number).state != TrialState.RUNNING:
            return
        if self._is_pareto:  # Optuna has no reports, and no pruning, where there are several objectives
            self._handle(number).set_user_attr(f"{_WER_AT}{examples_seen}", objective)
        else:
            self._handle(number).report(objective, examples_seen)

    def end(self, record: TrialRecord, *, memory_limit_gib: float | None) -> None:
        """How a trial ended. Telling it again, after a kill, changes nothing."""
        trial = self._trial(record.number)
        if trial.state.is_finished():
            return
        for name, violation in constraints_of(record, memory_limit_gib, is_pareto=self._is_pareto).items():
            self._handle(record.number).set_constraint(name, violation)
        self._handle(record.number).set_user_attr(_OUTCOME, str(record.outcome))
        state = _STATES.get(record.outcome, TrialState.COMPLETE)
        if state == TrialState.PRUNED and not _reports(trial):
            self.report(record.number, examples_seen=record.examples_seen, objective=objective_of(record))
        values = measures_of(record) if self._is_pareto else (objective_of(record),)
        self._study.tell(record.number, values if state == TrialState.COMPLETE else None, state=state)

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
                objectives=tuple(trial.values) if trial.state == TrialState.COMPLETE else (),
                intermediate=trial.intermediate_values,
                violation=max(trial.constraints.values(), default=None),
                was_trained=trial.user_attrs.get(_OUTCOME) == Outcome.COMPLETED,
            )
            for trial in self._searched()
        ]

    def reports(self) -> dict[int, Mapping[int, float]]:
        """Objective by examples seen, of every trial of the search: what the scheduler's rungs are made of."""
        return {trial.number: _reports(trial) for trial in self._searched()}

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


@contextmanager
def journal_faults_as_disk_faults(folder: Path) -> Iterator[None]:
    """SQLite says in its own way that a disk is full, read only or gone; whoever waits for an OSError hears one."""
    try:
        yield
    except (optuna.exceptions.StorageInternalError, OperationalError) as error:
        fault = error if isinstance(error, OperationalError) else error.__cause__
        if not isinstance(fault, OperationalError):
            raise
        raise OSError(errno.EIO, str(fault.orig), str(folder / "optuna.db")) from error


def _reports(trial: FrozenTrial) -> dict[int, float]:
    """Objective by examples seen, wherever it is kept."""
    attributes = trial.user_attrs.items()
    told = {int(name.removeprefix(_WER_AT)): wer for name, wer in attributes if name.startswith(_WER_AT)}
    return trial.intermediate_values | told
