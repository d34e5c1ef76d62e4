"""Room on a cluster: what trials ask of its cards and CPUs in; whether the next one may start now, out.

Tune asks for the next trial, and is told to ask again while it would have to wait: what is started has its hardware,
and none is passed for ever by smaller ones.
"""

from dataclasses import dataclass
from typing import Any

from raytrain.trial.cluster import Hardware
from raytrain.trial.job import Share

_PARTS = 10_000
"""Ray counts in ten thousandths: 0.3333 fits three times, 0.34 twice."""


@dataclass(frozen=True)
class _Taken:
    cards: list[int]
    part: int
    cpus: float


class Room:
    """What is free. Not what Ray says is free: a trial that has just ended gives its share back within seconds."""

    def __init__(self, hardware: Hardware) -> None:
        self._cards = [_PARTS] * hardware.gpus
        self._cpus = float(hardware.cpus)
        self._taken: dict[int, _Taken] = {}

    def taken(self) -> list[float]:
        """Of each card, the share that is not free."""
        return [1 - free / _PARTS for free in self._cards]

    def take_for(self, trial: dict[str, Any]) -> bool:
        """The same for a trial in Tune's terms. On an empty cluster any is started: it would never have more room."""
        share, scaling = Share(**trial["job"]["share"]), trial["job"]["config"]["scaling"]
        return self.take(trial["number"], share, num_workers=scaling["num_workers"]) or not self._taken

    def take(self, number: int, share: Share, *, num_workers: int) -> bool:
        """Whether this trial's workers have room now; it is then theirs until it is given back."""
        part = round(share.gpu_fraction * _PARTS) if share.use_gpu else 0
        free = list(self._cards)
        cards = []
        for _ in range(num_workers if part else 0):
            # The fullest card that has room: larger trials find the others empty.
            card = min((card for card in range(len(free)) if free[card] >= part), key=lambda at: free[at], default=None)
            if card is None:
                return False
            free[card] -= part
            cards.append(card)
        cpus = share.cpus * num_workers
        if cpus > self._cpus + 1e-9:
            return False
        self._cards, self._cpus = free, self._cpus - cpus
        self._taken[number] = _Taken(cards, part, cpus)
        return True

    def give_back(self, number: int) -> None:
        """The trial has ended, or never had anything."""
        taken = self._taken.pop(number, None)
        if taken is None:
            return
        self._cpus += taken.cpus
        for card in taken.cards:
            self._cards[card] += taken.part
