"""Room on a cluster: what trials ask of its cards and CPUs in; where the next one may start now, if anywhere, out.

Tune asks for the next trial, and is asked to come again while it would have to wait: what is started has its hardware,
and none is passed for ever by smaller ones.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

from raytrain.config.baseline import Baseline
from raytrain.trial.hardware import Hardware, Node
from raytrain.trial.job import Share, Trial

Part = Callable[[Baseline, float | None], float | None]
"""What a worker takes of a card of so many GiB (None: of unknown size); None where the card is too small for it."""
_UNITS = 10_000
"""In a card, as Ray counts: 0.3333 fits three times, 0.34 twice."""


@dataclass
class _NodeRoom:
    """What a node has left. Its cards are taken to be alike: Ray, and not we, chooses among them."""

    node: Node
    cards: list[int]
    cpus: float
    is_there: bool = True


@dataclass(frozen=True)
class _Seat:
    """What one worker has taken."""

    node: int
    card: int | None
    units: int
    cpus: float


class Room:
    """What is free. Not what Ray says is free: a trial that has just ended gives its share back within seconds."""

    def __init__(self, hardware: Hardware, *, part: Part) -> None:
        self._nodes = [_room_of(node) for node in hardware.nodes]
        self._part = part
        self._taken: dict[int, list[_Seat]] = {}

    def follow(self, hardware: Hardware) -> None:
        """Take over which machines there are now. A trial of one that is gone goes on where Ray finds room for it."""
        now = {node.id for node in hardware.nodes}
        known = {one.node.id for one in self._nodes}
        for one in self._nodes:
            one.is_there = one.node.id in now
        self._nodes += [_room_of(node) for node in hardware.nodes if node.id not in known]

    def taken(self) -> list[float]:
        """Of each card, the share that is not free."""
        return [1 - free / _UNITS for one in self._nodes if one.is_there for free in one.cards]

    def place(self, trial: Trial) -> Trial | None:
        """A trial with the share that is now its own; None while it has to wait.

        On an empty cluster any is started as it is: it would never have more room.
        """
        share = self.take(trial.number, trial.job.share, trial.job.config)
        if share is not None:
            return trial.placed(share)
        return None if self._taken else trial

    def take(self, number: int, share: Share, config: Baseline) -> Share | None:
        """Room for all workers of this trial until it is given back; None where there is not enough now."""
        if not share.use_gpu:
            everywhere = [index for index, one in enumerate(self._nodes) if one.is_there]
            return share if self._seat(number, everywhere, share, workers=config.scaling.num_workers) else None
        parts = {
            index: self._part(config, one.node.smallest_card_gib)
            for index, one in enumerate(self._nodes)
            if one.cards and one.is_there
        }
        # On the smallest card that will do, of which it takes most: larger trials find the large ones free.
        for fraction in sorted({part for part in parts.values() if part is not None}, reverse=True):
            alike = [index for index, part in parts.items() if part == fraction]
            own = replace(share, gpu_fraction=fraction, gpu_share_gib=self._share_gib(alike, fraction, config))
            if len(alike) < len(parts):
                own = replace(own, node_ids=tuple(self._nodes[index].node.id for index in alike))
            if self._seat(number, alike, own, workers=config.scaling.num_workers):
                return own
        return None

    def give_back(self, number: int) -> None:
        """The trial has ended, or never had anything."""
        for seat in self._taken.pop(number, []):
            one = self._nodes[seat.node]
            one.cpus += seat.cpus
            if seat.card is not None:
                one.cards[seat.card] += seat.units

    def _share_gib(self, nodes: Sequence[int], fraction: float, config: Baseline) -> float | None:
        """What a worker may take of a card, as it will cap itself; None where a card's size is unknown."""
        sizes = [self._nodes[index].node.smallest_card_gib for index in nodes]
        known = [size for size in sizes if size is not None]
        if len(known) < len(sizes):
            return None
        return min(fraction * min(known), config.scaling.gpu_memory_gib or min(known))

    def _seat(self, number: int, nodes: Sequence[int], share: Share, *, workers: int) -> bool:
        """Seat all workers on these nodes, or none."""
        units = round(share.gpu_fraction * _UNITS) if share.use_gpu else 0
        left = deepcopy(self._nodes)
        seats: list[_Seat] = []
        for _ in range(workers):
            free = [
                (left[index].cards[card] if card is not None else 0, index, card)
                for index in nodes
                if left[index].cpus >= share.cpus - 1e-9
                for card in (range(len(left[index].cards)) if units else [None])
                if card is None or left[index].cards[card] >= units
            ]
            if not free:
                return False
            _, index, card = min(free, key=lambda seat: seat[0])  # the fullest card: larger trials find others empty
            left[index].cpus -= share.cpus
            if card is not None:
                left[index].cards[card] -= units
            seats.append(_Seat(index, card, units, share.cpus))
        self._nodes = left
        self._taken[number] = seats
        return True


def _room_of(node: Node) -> _NodeRoom:
    return _NodeRoom(node, [_UNITS] * node.gpus, float(node.cpus))
