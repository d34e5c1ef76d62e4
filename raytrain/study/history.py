"""The one truth of a study: what was started and scored in `events.jsonl`, what ended in the ledger, both append-only.

Whatever a study is to do next follows from these two files: what the sampler learns, which trials are unfinished, what
stands on the scheduler's rungs. Nothing else is read back.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from raytrain.files import START, AppendedLines, ProcessLock
from raytrain.results.description import Description
from raytrain.results.early_end import DONE, Prospect
from raytrain.results.ledger import Ledger
from raytrain.results.records import WORST_OBJECTIVE, Outcome, TrialRecord, utc_now
from raytrain.search.axes import Axes, Sample
from raytrain.search.encoding import Tried
from raytrain.search.finalists import Repeat
from raytrain.search.objectives import constraints_of, measures_of, objective_of
from raytrain.study.events import Event, as_event

_STATES = {Outcome.PRUNED: TrialState.PRUNED, Outcome.FAILED: TrialState.FAIL}


@dataclass(kw_only=True)
class Begun:
    """A trial that was started, and what is known of it since."""

    number: int
    sample: Sample
    finalist_of: str | None = None
    seed: int | None = None
    started_at: str | None = None
    """When that was written down; None of one of a study of version 1."""
    objectives: dict[int, float] = field(default_factory=dict)
    """The objective at each evaluation, by examples seen."""
    record: TrialRecord | None = None
    """The trial's line in the ledger; None while it has not ended."""


class History:
    """A study's trials as its files tell them. One process writes, while it holds the ledger."""

    def __init__(self, folder: Path, description: Description) -> None:
        self.ledger = Ledger(folder)
        self._events = AppendedLines(folder / "events.jsonl", parse=as_event)
        self.axes = Axes(description.asked, description.baseline)
        self.rate = description.baseline.model.rate()
        self.is_pareto, self._limit_gib = description.is_pareto, description.memory_limit_gib
        self._one_follows = threading.RLock()
        self._forget()

    def held(self) -> ProcessLock:
        """Keep the study for this process as long as the block runs."""
        return self.ledger.held()

    @property
    def records(self) -> list[TrialRecord]:
        """All trials that have ended, in the order in which they did."""
        return self.ledger.read()

    def start(self, sample: Sample) -> int:
        """Write down that a sample is being tried; its number."""
        return self._start(sample=dict(sample))

    def repeat(self, repeat: Repeat) -> int:
        """Write down that an ended trial is being trained with another seed; the number of that training."""
        return self._start(sample=repeat.finalist.sample, finalist_of=repeat.finalist.trial_id, seed=repeat.seed)

    def score(self, number: int, *, examples_seen: int, objective: float) -> None:
        """Write down one evaluation of a trial that goes on."""
        self._add(Event(event="scored", number=number, at=utc_now(), examples_seen=examples_seen, objective=objective))

    def close(self, prospect: Prospect) -> None:
        """Write down that the search ends here, since further trials are not worth their time."""
        self._add(Event(event=DONE, number=self.next_number, at=utc_now(), prospect=asdict(prospect)))

    def end(self, record: TrialRecord) -> None:
        """Write down how a trial ended. Once more, after a kill, changes nothing."""
        self.ledger.append(record)

    @property
    def next_number(self) -> int:
        """The number of the trial that is started next."""
        with self._followed():
            return self._next

    def trial(self, number: int) -> Begun | None:
        """The trial of this number as it is now, if it was started."""
        with self._followed():
            found = self._begun.get(number)
            return None if found is None else replace(found)

    def begun(self) -> list[Begun]:
        """Every trial that was started, by number; what one that goes on reports is added to it."""
        with self._followed():
            return [self._begun[number] for number in sorted(self._begun)]

    def tried(self) -> list[Tried]:
        """All that the search started, for the sampler to learn from."""
        return [self._tried(trial) for trial in self.begun() if trial.finalist_of is None]

    def unfinished(self) -> list[Begun]:
        """What was started and never ended, by number: samples of the search, and finalists' repeats."""
        return [trial for trial in self.begun() if trial.record is None]

    def objectives(self) -> dict[tuple[int, int], float]:
        """Objective by trial and examples seen, of the search, in the order in which the scheduler judged them.

        Those of a study of version 1, which wrote none as they came, stand first.
        """
        found = {
            (trial.number, examples_seen): objective
            for trial in self.begun()
            if trial.finalist_of is None
            for examples_seen, objective in trial.objectives.items()
        }
        with self._followed():
            places = {one: place for place, one in enumerate(self._scored)}
        return dict(sorted(found.items(), key=lambda one: places.get(one[0], -1)))

    def was_scored(self, number: int, *, examples_seen: int) -> bool:
        """Whether this evaluation of a trial is written down already."""
        with self._followed():
            return (number, examples_seen) in self._scored

    def values_of(self, record: TrialRecord) -> Sequence[float]:
        """What a sampler minimises, one finite number a direction."""
        return measures_of(record) if self.is_pareto else (objective_of(record),)

    def constraints_of(self, record: TrialRecord) -> dict[str, float]:
        """By name, by how much a trial broke what it has to keep; not above 0 where it kept it."""
        return constraints_of(record, self._limit_gib, is_pareto=self.is_pareto)

    def _forget(self) -> None:
        self._begun: dict[int, Begun] = {}
        self._next = 0
        self._scored: dict[tuple[int, int], None] = {}
        """Evaluations that are written down, as (number, examples seen), in their order."""
        self._ended: dict[int, Tried] = {}
        """What the sampler is told of trials that have ended, by number."""
        self._events_until, self._records_until = START, START

    @contextmanager
    def _followed(self) -> Iterator[None]:
        """With what was written since the last time: a driver asks often, and what it takes must not grow with trials.

        A thread beside the study's own asks, too.
        """
        with self._one_follows:
            events, events_until = self._events.read_on(self._events_until)
            records, records_until = self.ledger.read_on(self._records_until)
            if not (events_until.goes_on_from(self._events_until) and records_until.goes_on_from(self._records_until)):
                self._forget()
                (events, events_until), (records, records_until) = self._events.read_on(), self.ledger.read_on()
            self._events_until, self._records_until = events_until, records_until
            for event in events:
                self._follow(event)
            for record in records:
                self._take(record)
            if self._begun and 0 not in self._begun:
                # A study of version 1 may have been killed while only its baseline had not ended.
                self._begun[0] = Begun(number=0, sample=self.axes.baseline_sample)
            yield

    def _follow(self, one: Event) -> None:
        if one.event == "started":
            self._next = max(self._next, one.number + 1)
            self._begun[one.number] = Begun(
                number=one.number, sample=one.sample or self.axes.baseline_sample, finalist_of=one.finalist_of,
                seed=one.seed, started_at=one.at,
            )  # fmt: skip
        elif one.event == "scored" and one.examples_seen is not None and one.objective is not None:
            self._scored[one.number, one.examples_seen] = None
            begun = self._begun.get(one.number)
            # A run that goes on is reported once more where it was scored last; one that breaks off, as the worst.
            if begun is not None and one.examples_seen not in begun.objectives:
                begun.objectives = begun.objectives | {one.examples_seen: one.objective}  # another thread reads it

    def _take(self, record: TrialRecord) -> None:
        # A study of version 1 has a ledger and no events.
        trial = self._begun.setdefault(
            record.number,
            Begun(
                number=record.number, sample=record.sample or self.axes.baseline_sample,
                finalist_of=record.finalist_of, seed=record.seed,
            ),
        )  # fmt: skip
        self._next = max(self._next, record.number + 1)
        trial.record = record
        trial.objectives = trial.objectives or _evaluations(record)

    def _tried(self, trial: Begun) -> Tried:
        record = trial.record
        if record is None:
            return Tried(sample=trial.sample, state=TrialState.RUNNING, intermediate=trial.objectives)
        if trial.number not in self._ended:
            self._ended[trial.number] = self._tried_to_its_end(trial, record)
        return self._ended[trial.number]

    def _tried_to_its_end(self, trial: Begun, record: TrialRecord) -> Tried:
        state = state_of(record)
        return Tried(
            sample=trial.sample,
            state=state,
            objectives=tuple(self.values_of(record)) if state == TrialState.COMPLETE else (),
            intermediate=trial.objectives,
            violation=max(self.constraints_of(record).values(), default=None),
            was_trained=record.outcome is Outcome.COMPLETED,
        )

    def _start(self, **given: Any) -> int:
        number = self.next_number
        self._add(Event(event="started", number=number, at=utc_now(), **given))
        return number

    def _add(self, event: Event) -> None:
        values = {one.name: getattr(event, one.name) for one in fields(event)}
        self._events.append({name: value for name, value in values.items() if value is not None})


def state_of(record: TrialRecord) -> TrialState:
    """How a trial ended, in Optuna's terms: an infeasible sample is a fact, and complete."""
    return _STATES.get(record.outcome, TrialState.COMPLETE)


def _evaluations(record: TrialRecord) -> dict[int, float]:
    """Objectives by examples seen, as an ended trial's own history has them; for a stopped one at least its last."""
    rows = [(row.get("examples_seen"), row.get("eval_wer")) for row in record.history]
    found = {seen: min(wer, WORST_OBJECTIVE) for seen, wer in rows if seen and wer is not None}
    return found or ({record.examples_seen: objective_of(record)} if record.outcome is Outcome.PRUNED else {})
