"""A study while it runs: its trials as they start, score and end in; counts, the best so far and the time left out."""

import time
from dataclasses import dataclass, field
from typing import Self

from raytrain.config.languages import Rate
from raytrain.results.choose import baseline_trial, best_trial, peak_memory_gib
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.wording import duration_text
from raytrain.search.finalists import further_seeds
from raytrain.study.running import NOT_AT_WORK, RunningTrial
from raytrain.study.study import Study
from raytrain.study.watcher import Lines, Machine, Watcher
from raytrain.terminal import tell
from raytrain.tracking.whereabouts import where_tracked
from raytrain.trial.run_progress import read_progress


@dataclass(kw_only=True)
class StudyProgress(Watcher):
    """Remembers, for a view to be drawn of it. Written by the study's thread, read by the view's."""

    trials: int
    """Asked for, the baseline among them."""
    repeats: int = 0
    """Trainings of finalists with further seeds that will follow, at most."""
    budget_examples: int
    memory_limit_gib: float | None = None
    rate: Rate = "WER"
    """What the trials are judged by."""
    ended: list[TrialRecord] = field(default_factory=list)
    running: dict[int, RunningTrial] = field(default_factory=dict)
    waiting: int | None = None
    machine: Machine | None = None
    began_s: float = field(default_factory=time.monotonic)
    owes_forecast: bool = False
    """Whether to say how long the study will take, once a trial tells."""
    tracked: str = ""
    """Where the trials are tracked, in words; "" where they are not."""
    seen: dict[int, RunningTrial] = field(default_factory=dict)
    """The trials that began and ended in this process, by number."""
    earlier: int = field(init=False)
    """Of those that have ended, how many had before this process began."""

    def __post_init__(self) -> None:
        self.earlier = len(self.ended)

    @classmethod
    def of(cls, study: Study) -> Self:
        """The progress of a study that begins or goes on, with the trials that have ended before."""
        search, tracked = study.space.search, where_tracked(study.baseline.tracking, study.folder)
        return cls(
            trials=search.trials,
            repeats=(search.finalists + 1) * further_seeds(search, study.baseline),
            budget_examples=study.budget_examples,
            memory_limit_gib=study.description.memory_limit_gib,
            rate=study.baseline.model.rate(),
            tracked="" if tracked is None else tracked.words,
            ended=Ledger(study.folder).read(),
            owes_forecast=True,
        )

    def begins(self, machine: Machine) -> None:
        self.machine = machine

    def waits(self, number: int | None) -> None:
        self.waiting = number

    def starts(self, trial: RunningTrial) -> None:
        self.running[trial.number] = trial

    def scored(self, trial: RunningTrial) -> None:
        super().scored(trial)
        self._forecast()

    def ends(self, record: TrialRecord) -> None:
        trial = self.running.pop(record.number, None)
        if trial is not None:
            self.seen[record.number] = trial
        self.ended.append(record)
        self._forecast()

    def _forecast(self) -> None:
        """Said once, and it stays above the view."""
        left_s = self.seconds_left(time.monotonic()) if self.owes_forecast else None
        if left_s:
            self.owes_forecast = False
            by = "the trials that have ended" if self._trained() else "trial 0 so far"
            tell("time", f"about {duration_text(left_s)} for what is left, going by {by}")

    def refresh(self) -> None:
        """Take over what the workers have written of how far they are."""
        for trial in list(self.running.values()):
            if (progress := read_progress(trial.run)) is not None:
                trial.is_at(progress)

    @property
    def best(self) -> TrialRecord | None:
        return best_trial(self.ended, memory_limit_gib=self.memory_limit_gib)

    @property
    def baseline(self) -> TrialRecord | None:
        return baseline_trial(self.ended)

    @property
    def peak_gib(self) -> float | None:
        """The largest that was measured: on the card, or without one of a process."""
        peaks = [peak_memory_gib(record) for record in self.ended]
        peaks += [trial.peak_memory_gib for trial in list(self.running.values())]
        return max((peak for peak in peaks if peak is not None), default=None)

    def outcomes(self) -> dict[Outcome, int]:
        """How many trials of the search ended in each way that occurred."""
        found = [record.outcome for record in self.ended if record.finalist_of is None]
        return {outcome: found.count(outcome) for outcome in Outcome if outcome in found}

    def repeats_ended(self) -> int:
        """How many trainings of finalists with further seeds have ended, in whatever way."""
        return sum(record.finalist_of is not None for record in self.ended)

    def to_come(self) -> tuple[int, int]:
        """Trials of the search, and repeats, that have not begun; those that were never launched do not count."""
        launched = [one for one in self.ended if one.outcome is not Outcome.NOT_STARTED]
        begun = [one.finalist_of for one in launched] + [one.trial.repeats for one in list(self.running.values())]
        repeats = sum(finalist is not None for finalist in begun)
        return max(0, self.trials - (len(begun) - repeats)), max(0, self.repeats - repeats)

    def seconds_left(self, now_s: float) -> float | None:
        """Going by how long clips took so far, by how long trials took to start, and by how far they came; None while
        nothing has been trained on."""
        pace_s = self._seconds_per_example(now_s)
        if pace_s is None:
            return None
        start_s, running, (trials, repeats) = self._start_s(), list(self.running.values()), self.to_come()
        left_s = sum(max(0.0, start_s - (now_s - one.started_s)) for one in running if one.phase in NOT_AT_WORK)
        left_s += sum(self._rest(one) for one in running) * pace_s
        left_s += trials * (start_s + self._expected(0) * pace_s) + repeats * (start_s + self.budget_examples * pace_s)
        return left_s / self._side_by_side(now_s)

    def _start_s(self) -> float:
        """How long a trial took on average until it trained or scored."""
        known = [one.took_to_start_s for one in [*self.seen.values(), *self.running.values()]]
        taken = [seconds for seconds in known if seconds is not None]
        return sum(taken) / len(taken) if taken else 0.0

    def _seconds_per_example(self, now_s: float) -> float | None:
        """Of a trial by itself once it trains, its evaluations counted in."""
        spans = [(one.wall_s - self._before_training_s(one.number), one.examples_seen) for one in self._trained()]
        if not spans:  # one that goes on after a restart had its clips before
            running = list(self.running.values())
            spans = [(now_s - one.started_s - (one.took_to_train_s or 0.0), one.examples_seen) for one in running]
        examples = sum(seen for _, seen in spans)
        return sum(seconds for seconds, seen in spans if seen) / examples if examples else None

    def _before_training_s(self, number: int) -> float:
        return (self.seen[number].took_to_train_s or 0.0) if number in self.seen else 0.0

    def _rest(self, trial: RunningTrial) -> float:
        total = trial.examples_total
        if not trial.trial.probes and not trial.trial.repeats and trial.number:  # what the scheduler may stop
            total = min(total, round(self._expected(trial.examples_seen)))
        return max(0, total - trial.examples_seen)

    def _expected(self, seen: int) -> float:
        """How far a trial comes that has come so far: the mean of those that came further."""
        further = [one.examples_seen for one in self._trained() if one.examples_seen > seen]
        return sum(further) / len(further) if further else self.budget_examples

    def _trained(self) -> list[TrialRecord]:
        return [one for one in self.ended if one.inherited_from is None and one.examples_seen and not one.finalist_of]

    def _side_by_side(self, now_s: float) -> float:
        """How many trials ran at once, on average over this process's time."""
        busy = sum(one.wall_s for one in self.ended[self.earlier :])
        busy += sum(now_s - one.started_s for one in list(self.running.values()))
        return max(1.0, busy / max(now_s - self.began_s, 1.0))


class PlainProgress(Lines, StudyProgress):
    """Where nothing can be drawn: a line an evaluation, and the forecast."""
