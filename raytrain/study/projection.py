"""A study for optuna-dashboard: its history in; `optuna.db` out, written as the study runs and never read back.

Where the file is missing, damaged or shows another study it is made anew. A fault in it stops nothing.
"""

import logging
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from raytrain.results.choose import MEASURES, measure_names
from raytrain.search.axes import Axes, Axis, Listed, Sample, ends_of
from raytrain.study.history import Begun, History, state_of

log = logging.getLogger("raytrain")
FILE_NAME = "optuna.db"
_FINALIST_OF, _SEED, _OUTCOME, _WER_AT = "finalist_of", "training.seed", "outcome", "wer_at_examples:"


class NotThisStudy(Exception):
    """The file shows what the study's history does not hold."""


_FAULTS = (NotThisStudy, SQLAlchemyError, optuna.exceptions.OptunaError, OSError, RuntimeError, ValueError, KeyError)


class Projection:
    """Shows one study's history. `follow` is called whenever that has grown."""

    def __init__(self, history: History, folder: Path) -> None:
        self._history, self._folder = history, folder
        self._study: optuna.Study | None = None
        self._is_given_up = False
        self._distributions = _distributions(history.axes)

    def follow(self) -> None:
        """Show what is new; everything, in a file made anew, where the one that is there does not take it.

        Where that fails, too, the study's end is the next try: a file of 1,000 trials is written in half a minute.
        """
        if not self._is_given_up and not self._attempt(self._catch_up):
            self._is_given_up = not self._attempt(self._make_anew)

    def close(self) -> None:
        """Leave a file that opens and shows the whole study, whatever became of the one that was there."""
        self._study, self._is_given_up = None, False
        self.follow()

    def _attempt(self, work: Callable[[], None]) -> bool:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            work()
        except _FAULTS as error:
            self._study = None
            log.debug("%s: %s", self._folder / FILE_NAME, error)
            return False
        return True

    def _catch_up(self) -> None:
        if not (self._folder / FILE_NAME).is_file():
            raise NotThisStudy("there is no file")
        if self._study is None:
            self._study = optuna.load_study(study_name=None, storage=self._url())
        shown = self._study.get_trials(deepcopy=False)
        trials = self._trials()
        if len(shown) > len(trials):
            raise NotThisStudy(f"it shows {len(shown)} trials of {len(trials)}")
        for one, trial in zip(shown, trials, strict=False):
            self._renew(one, trial)
        for trial in trials[len(shown) :]:
            self._study.add_trial(self._as_optuna(trial))

    def _make_anew(self) -> None:
        for path in self._folder.glob(f"{FILE_NAME}*"):
            path.unlink()
        directions = [StudyDirection.MINIMIZE] * (len(MEASURES) if self._history.is_pareto else 1)
        study = optuna.create_study(storage=self._url(), study_name=self._folder.name, directions=directions)
        if self._history.is_pareto:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names(list(measure_names(self._history.rate)))
        study.add_trials([self._as_optuna(trial) for trial in self._trials()])
        self._study = study

    def _trials(self) -> list[Begun | None]:
        """By number, since Optuna's numbers have no gaps; None for one that an old study lost the sample of."""
        by_number = {trial.number: trial for trial in self._history.begun()}
        return [by_number.get(number) for number in range(max(by_number, default=-1) + 1)]

    def _renew(self, shown: FrozenTrial, trial: Begun | None) -> None:
        """Bring one trial that is shown up to date."""
        state = _state(trial)
        if shown.params != self._params(trial):
            raise NotThisStudy(f"trial {shown.number} has another sample")
        if shown.state.is_finished():
            if shown.state != state or (state == TrialState.COMPLETE and shown.values != self._values(trial)):
                raise NotThisStudy(f"trial {shown.number} is {shown.state.name}, and ended otherwise")
            return
        if trial is None:
            raise NotThisStudy(f"trial {shown.number} runs, and nothing is known of it")
        assert self._study is not None
        handle = Trial(self._study, shown._trial_id)
        for seen, objective in sorted(trial.objectives.items()):
            if self._history.is_pareto:  # Optuna has no reports, and no pruning, where there are several objectives
                if f"{_WER_AT}{seen}" not in shown.user_attrs:
                    handle.set_user_attr(f"{_WER_AT}{seen}", objective)
            elif seen not in shown.intermediate_values:
                handle.report(objective, seen)
        if trial.record is None:
            return
        for name, violation in self._history.constraints_of(trial.record).items():
            handle.set_constraint(name, violation)
        handle.set_user_attr(_OUTCOME, str(trial.record.outcome))
        self._study.tell(shown.number, self._values(trial), state=state)

    def _as_optuna(self, trial: Begun | None) -> FrozenTrial:
        """A whole trial, as it is now."""
        params = self._params(trial)
        known = {key: self._distributions[key] for key in params}
        if trial is None:
            return create_trial(state=TrialState.FAIL, params=params, distributions=known)
        record, values = trial.record, self._values(trial)
        if _state(trial) == TrialState.PRUNED and trial.objectives and not self._history.is_pareto:
            values = [trial.objectives[max(trial.objectives)]]  # as `tell` enters it
        attributes: dict[str, Any] = {_FINALIST_OF: trial.finalist_of, _SEED: trial.seed} if trial.finalist_of else {}
        if self._history.is_pareto:
            attributes |= {f"{_WER_AT}{seen}": objective for seen, objective in trial.objectives.items()}
        return create_trial(
            state=_state(trial),
            values=values,
            params=params,
            distributions=known,
            user_attrs=attributes | ({_OUTCOME: str(record.outcome)} if record else {}),
            intermediate_values={} if self._history.is_pareto else dict(trial.objectives),
            constraints=self._history.constraints_of(record) if record else None,
        )

    def _params(self, trial: Begun | None) -> dict[str, Any]:
        sample = self._history.axes.baseline_sample if trial is None else trial.sample
        return {key: sample[key] for key in self._distributions if key in sample}

    def _values(self, trial: Begun | None) -> list[float] | None:
        """What the sampler minimised, of a trial that ended with a fact about its sample."""
        if trial is None or trial.record is None or _state(trial) != TrialState.COMPLETE:
            return None
        return list(self._history.values_of(trial.record))

    def _url(self) -> str:
        return database_url(self._folder)


def database_url(folder: Path) -> str:
    """The address of a study's `optuna.db`, for Optuna and its dashboard, whatever letters the folder's path has.

    SQLAlchemy takes what follows a `?` for options, Optuna fills in what stands in braces: SQLite decodes the path.
    """
    path = quote(os.fsencode(folder.absolute() / FILE_NAME))
    return URL.create("sqlite", database=f"file:{path}", query={"uri": "true"}).render_as_string()


def _state(trial: Begun | None) -> TrialState:
    if trial is None:
        return TrialState.FAIL
    return TrialState.RUNNING if trial.record is None else state_of(trial.record)


def _distributions(axes: Axes) -> dict[str, BaseDistribution]:
    """Each key's range in the baseline's own terms, of both branches where each has its own, widened to hold the
    baseline."""
    by_key: dict[str, list[Axis]] = {}
    for axis in axes.axes:
        by_key.setdefault(axis.key, []).append(axis)
    return {key: _distribution(of_key, axes.baseline_sample) for key, of_key in by_key.items()}


def _distribution(axes: Sequence[Axis], baseline: Sample) -> BaseDistribution:
    key = axes[0].key
    own: list[Any] = [baseline[key]] if key in baseline else []
    if any(isinstance(axis, Listed) and not axis.ordered for axis in axes):
        listed = [value for axis in axes if isinstance(axis, Listed) for value in axis.values]
        return CategoricalDistribution(list(dict.fromkeys([*listed, *own])))
    ends = [end for axis in axes for end in ends_of(axis)] + own
    kind = IntDistribution if all(isinstance(end, int) for end in ends) else FloatDistribution
    return kind(min(ends), max(ends), log=all(axis.log for axis in axes))
