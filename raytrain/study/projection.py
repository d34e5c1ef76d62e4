"""A study for optuna-dashboard: its history in; `optuna.db` out, written as the study runs and never read back.

Where the file is missing, damaged or shows another study it is made anew. A fault in it stops nothing.
"""

import logging
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
from sqlalchemy import URL, event
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


@dataclass
class _Shown:
    """A trial in the file."""

    trial_id: int
    """Optuna's own id of it."""
    evaluations: set[str | int]
    """The names under which its evaluations are shown."""


class Projection:
    """Shows one study's history. `follow` is called whenever that has grown."""

    def __init__(self, history: History, folder: Path) -> None:
        self._history, self._folder = history, folder
        self._study: optuna.Study | None = None
        self._is_given_up = False
        self._shown_in: tuple[int, int] | None = None
        self._running: dict[int, _Shown] = {}
        """Trials that are shown as running, by number."""
        self._num_shown = 0
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
        """Everything is compared once; from then on only what runs, and what is new."""
        if self._study is None or self._file() != self._shown_in:
            self._load()
        for number in list(self._running):
            self._renew(number, self._history.trial(number))
        for number in range(self._num_shown, self._history.next_number):
            self._add(self._history.trial(number))

    def _load(self) -> None:
        if self._file() is None:
            raise NotThisStudy("there is no file")
        self._study = optuna.load_study(study_name=None, storage=self._opened())
        shown, num_trials = self._study.get_trials(deepcopy=False), self._history.next_number
        if len(shown) > num_trials:
            raise NotThisStudy(f"it shows {len(shown)} trials of {num_trials}")
        for one in shown:
            self._require_same(one, self._history.trial(one.number))
            if not one.state.is_finished():
                seen: set[str | int] = {*one.intermediate_values}
                seen |= {name for name in one.user_attrs if name.startswith(_WER_AT)}
                self._running[one.number] = _Shown(one._trial_id, seen)
        self._num_shown = len(shown)

    def _make_anew(self) -> None:
        for path in self._folder.glob(f"{FILE_NAME}*"):
            path.unlink()
        directions = [StudyDirection.MINIMIZE] * (len(MEASURES) if self._history.is_pareto else 1)
        study = optuna.create_study(storage=self._opened(), study_name=self._folder.name, directions=directions)
        if self._history.is_pareto:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names(list(measure_names(self._history.rate)))
        self._study = study
        self._catch_up()

    def _opened(self) -> optuna.storages.RDBStorage:
        self._storage = optuna.storages.RDBStorage(database_url(self._folder))
        event.listen(self._storage.engine, "connect", _leave_to_the_system)
        self._storage.engine.dispose()  # connections from now on are as was said
        self._shown_in, self._running, self._num_shown = self._file(), {}, 0
        return self._storage

    def _file(self) -> tuple[int, int] | None:
        """Which file it is: one that was put in its place in between is another."""
        path = self._folder / FILE_NAME
        return (path.stat().st_dev, path.stat().st_ino) if path.is_file() else None

    def _require_same(self, shown: FrozenTrial, trial: Begun | None) -> None:
        state = _state(trial)
        if shown.params != self._params(trial):
            raise NotThisStudy(f"trial {shown.number} has another sample")
        if not shown.state.is_finished():
            if trial is None:
                raise NotThisStudy(f"trial {shown.number} runs, and nothing is known of it")
        elif shown.state != state or (state == TrialState.COMPLETE and shown.values != self._values(trial)):
            raise NotThisStudy(f"trial {shown.number} is {shown.state.name}, and ended otherwise")

    def _add(self, trial: Begun | None) -> None:
        """Numbers have no gaps in Optuna: a trial of which nothing is known, of an old study, has its own, too."""
        assert self._study is not None
        one = self._as_optuna(trial)
        trial_id = self._storage.create_new_trial(self._study._study_id, template_trial=one)
        if trial is not None and not one.state.is_finished():
            self._running[trial.number] = _Shown(trial_id, set(self._evaluations(trial)))
        self._num_shown += 1

    def _renew(self, number: int, trial: Begun | None) -> None:
        """Bring one trial that was running when it was last shown up to date."""
        assert self._study is not None
        if trial is None:
            raise NotThisStudy(f"trial {number} runs, and nothing is known of it")
        shown = self._running[number]
        for name, objective in self._evaluations(trial).items():
            if name in shown.evaluations:
                continue
            if isinstance(name, str):  # Optuna has no reports, and no pruning, where there are several objectives
                self._storage.set_trial_user_attr(shown.trial_id, name, objective)
            else:
                self._storage.set_trial_intermediate_value(shown.trial_id, name, objective)
            shown.evaluations.add(name)
        if trial.record is None:
            return
        handle = Trial(self._study, shown.trial_id)
        for constraint, violation in self._history.constraints_of(trial.record).items():
            handle.set_constraint(constraint, violation)
        handle.set_user_attr(_OUTCOME, str(trial.record.outcome))
        self._study.tell(number, self._values(trial), state=_state(trial))
        del self._running[number]

    def _evaluations(self, trial: Begun) -> dict[str | int, float]:
        """Objectives by the name under which each is shown, in the order of examples seen."""
        by_seen = sorted(trial.objectives.items())
        return {f"{_WER_AT}{seen}" if self._history.is_pareto else seen: objective for seen, objective in by_seen}

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


def _leave_to_the_system(connection: Any, _: Any) -> None:
    """Wait for no disk, several times an event: a file that a power cut tears is made anew."""
    connection.execute("PRAGMA synchronous=OFF")


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
