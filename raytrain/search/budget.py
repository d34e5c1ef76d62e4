"""What a budget of hours still buys: how long trials took in; whether another ends in time, and which finalists, out.

Every forecast is made from the study's own trials. It is off by as much as its earlier ones were, and what is started
has room for that. What still runs as the budget ends is saved where it stands: no forecast makes a study late.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

_OCTAVES = 0.7
"""Batch sizes, and lengths, that lie so many doublings apart tell half as much of each other, about."""
_FAR = 0.03
"""What a trial tells of one that is nothing like it, as a share of what its equal would."""
_FIRST_ERRORS = 2
"""Forecasts' errors that are taken for granted before any was seen; so large they are, as logarithms:"""
_FIRST_ERROR, _FIRST_ERROR_AGAIN = 0.25, 0.1
_SURE = 1.0
"""Standard deviations of the forecasts' errors that a trial is given room for."""
_MOST_FOR_FINALISTS = 0.4
"""Of a budget: where the finalists would take more, there are fewer of them."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a trial has to do."""

    examples: int
    """Utterances to train on; of one that goes on, those that it lacks."""
    batch_size: int
    """Utterances at a time."""
    cost: float = 1.0
    """Of an utterance, in any unit: its floating-point operations."""
    trains_like: str | None = None
    """The trial_id of one with the same configuration but for its seed."""


@dataclass(frozen=True, kw_only=True)
class Took(Work):
    """A trial that has ended, and its time."""

    trial_id: str
    seconds: float
    training_s: float | None = None
    """Of these, in training; the others go to its start and its evaluations. None where that is not known."""

    @property
    def beside_s(self) -> float:
        """Seconds that were no training."""
        return 0.0 if self.training_s is None else max(0.0, self.seconds - self.training_s)


class Pace:
    """How long trials take here, going by those that have ended."""

    def __init__(self) -> None:
        self.took: list[Took] = []
        self._known: dict[Work, float] = {}
        self._errors: dict[bool, list[float]] = {True: [], False: []}
        """What forecasts were off, as logarithms, by whether they went by the same configuration."""

    def learn(self, one: Took) -> None:
        """Go by this one, too, and by how well it was forecast."""
        if forecast := self.seconds(one):
            self._errors[self._like_itself(one) is not None].append(math.log(one.seconds / forecast))
        self.took.append(one)
        self._known.clear()

    def seconds(self, work: Work) -> float | None:
        """How long this will take, about; None where no trial has ended that trained on anything."""
        if not self.took:
            return None
        if work not in self._known:
            self._known[work] = self._like_itself(work) or self._like_all(work)
        return self._known[work]

    def at_most(self, work: Work) -> float | None:
        """The same with room for what the forecasts so far were off."""
        seconds, again = self.seconds(work), self._like_itself(work) is not None
        if seconds is None:
            return None
        return seconds * _margin(self._errors[again], _FIRST_ERROR_AGAIN if again else _FIRST_ERROR)

    def _like_itself(self, work: Work) -> float | None:
        """Going by the same configuration alone."""
        if work.trains_like is None:
            return None
        same = [one for one in self.took if work.trains_like in (one.trial_id, one.trains_like)]
        examples = sum(one.examples for one in same)
        return sum(one.seconds for one in same) / examples * work.examples if examples else None

    def _like_all(self, work: Work) -> float:
        """A mean of all, of which those with about this batch size, and about this length, count most."""
        longest = max(one.examples for one in self.took)
        paces, besides = [], []
        for one in self.took:
            training_s = one.seconds if one.training_s is None else min(one.training_s, one.seconds)
            pace = math.log(max(training_s, 1e-3) / (one.examples * one.cost))
            paces.append((_alike(one.batch_size, work.batch_size) * one.examples / longest, pace))
            besides.append((_alike(one.examples, work.examples), one.beside_s))
        return math.exp(_mean(paces)) * work.examples * work.cost + _mean(besides)


@dataclass(frozen=True, kw_only=True)
class Left:
    """What is left of a budget at a moment."""

    seconds: float
    running_s: Sequence[float] = ()
    """How long each trial that runs will still take, at most."""
    slots: int = 1
    """Trials that run at once, as far as is known."""


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """How a budget is divided: the finalists' share is set aside, and the search has the rest."""

    budget_s: float
    finalists: int
    """How many are asked for, beside the baseline."""
    again: int
    """Trainings of each with further seeds."""
    whole: Work
    """A trial that trains to its end, as the baseline."""

    def buys_trial(self, work: Work, *, pace: Pace, left: Left, owed: Sequence[Sequence[Work]]) -> bool:
        """Whether a trial of the search can end in time, and the finalists after it: they begin once nothing of the
        search runs any more. `owed` is what is still to be trained again: of the baseline, then of each other finalist,
        the best first."""
        takes_s = pace.at_most(work)
        if takes_s is None:
            return True
        ends_s = max([*left.running_s, takes_s])
        return ends_s + self.set_aside_s(pace, owed, slots=left.slots) <= left.seconds

    def set_aside_s(self, pace: Pace, owed: Sequence[Sequence[Work]], *, slots: int) -> float:
        """Seconds that are the finalists', were the next trial the best: then it is one of them."""
        whole_s = pace.seconds(self.whole)
        if whole_s is None or not self.again or not self.finalists:
            return 0.0
        share_s = _MOST_FOR_FINALISTS * self.budget_s
        count = self._within(share_s, whole_s, slots=slots)
        baselines = [pace.seconds(one) or whole_s for one in owed[0]] if owed else [whole_s] * self.again
        others = [pace.seconds(one) or whole_s for of_one in owed[1:count] for one in of_one]
        return min(share_s, side_by_side([*baselines, *others, *[whole_s] * self.again], slots=slots))

    def num_finalists(self, *, pace: Pace, left: Left) -> int:
        """How many finalists can be trained again in what is left: of those asked for at least one, even if not to
        the last seed."""
        whole_s = pace.seconds(self.whole)
        return self.finalists if whole_s is None else self._within(left.seconds, whole_s, slots=left.slots)

    def buys_again(self, work: Work, *, pace: Pace, left: Left) -> bool:
        """Whether a finalist's training can end in time."""
        takes_s = pace.at_most(work)
        return takes_s is None or takes_s <= left.seconds

    def trials(self, *, pace: Pace, left: Left, owed: Sequence[Sequence[Work]] = ()) -> int | None:
        """How many more trials of the search this buys, if each is trained to its end; None before one has been."""
        whole_s = pace.seconds(self.whole)
        if whole_s is None:
            return None
        busy_s = sum(left.running_s) / left.slots
        search_s = left.seconds - busy_s - self.set_aside_s(pace, owed, slots=left.slots)
        return max(0, math.floor(search_s / whole_s * left.slots + 1e-9))

    def _within(self, share_s: float, whole_s: float, *, slots: int) -> int:
        for count in range(self.finalists, 1, -1):
            if side_by_side([whole_s] * ((count + 1) * self.again), slots=slots) <= share_s:
                return count
        return min(self.finalists, 1)


def side_by_side(seconds: Sequence[float], *, slots: int) -> float:
    """How long trainings take that begin as soon as there is room, in this order."""
    free_s = [0.0] * max(1, slots)
    for one in seconds:
        heapq.heapreplace(free_s, free_s[0] + one)
    return max(free_s)


def _margin(errors: Sequence[float], first: float) -> float:
    squares = _FIRST_ERRORS * first**2 + sum(error**2 for error in errors)
    return math.exp(_SURE * math.sqrt(squares / (_FIRST_ERRORS + len(errors))))


def _alike(one: float, other: float) -> float:
    octaves = math.log2(max(one, 1) / max(other, 1))
    return _FAR + math.exp(-((octaves / _OCTAVES) ** 2) / 2)


def _mean(weighted: Sequence[tuple[float, float]]) -> float:
    return sum(weight * value for weight, value in weighted) / sum(weight for weight, _ in weighted)
