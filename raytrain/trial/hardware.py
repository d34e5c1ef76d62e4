"""What a cluster has to train on: the cluster this process is in, in; its machines, with CPUs, GPUs and cards, out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from raytrain.results import provenance

_ANSWER_WITHIN_S = 30.0
_LOOKS_EVERY_S = 5.0
_ALIKE = 0.01
"""Two cards of one kind may differ by so much in what they report."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One machine of the cluster, and what it has for workers."""

    id: str
    """Ray's node id."""
    cpus: int
    gpus: int = 0
    smallest_card_gib: float | None = None
    """The memory of the node's smallest card; None where nothing reports it."""


@dataclass(frozen=True)
class Hardware:
    """What the cluster has for workers."""

    nodes: tuple[Node, ...]

    @property
    def cpus(self) -> int:
        return sum(node.cpus for node in self.nodes)

    @property
    def gpus(self) -> int:
        return sum(node.gpus for node in self.nodes)

    @property
    def largest_card_gib(self) -> float | None:
        """None where there is no card, or one of unknown size, which may be larger."""
        sizes = [node.smallest_card_gib for node in self.nodes if node.gpus]
        known = [size for size in sizes if size is not None]
        return max(known, default=None) if len(known) == len(sizes) else None


def hardware_found() -> Hardware:
    """What the cluster that this process is in has for workers; of a machine that does not answer, not its cards.

    One that will be taken away takes no more of them.
    """
    import ray

    there = _alive()
    alive = [node for node in ray.nodes() if node["NodeID"] in there]
    cards_gib = _smallest_cards_gib([node["NodeID"] for node in alive if node["Resources"].get("GPU")])
    return Hardware(
        tuple(
            Node(
                id=node["NodeID"],
                cpus=int(node["Resources"].get("CPU", 0)),
                gpus=int(node["Resources"].get("GPU", 0)),
                smallest_card_gib=cards_gib.get(node["NodeID"]),
            )
            for node in alive
        )
    )


def wait_for_nodes(wanted: tuple[str, ...], *, gib: float | None, fraction: float) -> tuple[str, ...]:
    """Of the machines that a run was given, those that are still there; where there are none, others on which this
    fraction of a card comes to as much. Comes back once there is one; empty where any will do."""
    while wanted:
        nodes = hardware_found().nodes
        left = tuple(node.id for node in nodes if node.id in wanted)
        found = left or tuple(
            node.id
            for node in nodes
            if gib is not None and (node.smallest_card_gib or 0.0) * fraction >= gib * (1 - _ALIKE)
        )
        if found:
            return found
        time.sleep(_LOOKS_EVERY_S)
    return ()


class Machines:
    """Which machines a cluster has, while machines come and go."""

    def __init__(self) -> None:
        self._known = _alive()

    def changed(self) -> Hardware | None:
        """What the cluster has for workers now, where its machines are others than at the last call."""
        now = _alive()
        if now == self._known:
            return None
        self._known = now
        return hardware_found()


def _alive() -> frozenset[str]:
    """Ray's node ids of the machines that take work."""
    import ray
    from ray._private.state import state as cluster_state

    going = cluster_state.get_draining_nodes()
    return frozenset(node["NodeID"] for node in ray.nodes() if node["Alive"] and node["NodeID"] not in going)


def this_node() -> str:
    """The resource that only this machine has, of which all that runs here takes next to nothing."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    resources = next(node["Resources"] for node in ray.nodes() if node["NodeID"] == here)
    head = "node:__internal_head__"
    return head if head in resources else next(name for name in resources if name.startswith("node:"))


def _smallest_cards_gib(node_ids: Sequence[str]) -> dict[str, float | None]:
    """Each node is asked for its own cards; of one that does not answer nothing is known."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(num_cpus=0, max_retries=0)(provenance.gpus)
    here = ray.get_runtime_context().get_node_id()
    asked = {
        node: ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote()
        for node in node_ids
        if node != here
    }
    found = {here: _smallest_gib(provenance.gpus())} if here in node_ids else {}
    ends_s = time.monotonic() + _ANSWER_WITHIN_S  # for all of them together
    for node, answer in asked.items():
        try:
            found[node] = _smallest_gib(ray.get(answer, timeout=max(0.0, ends_s - time.monotonic())))
        except ray.exceptions.RayError:  # a timeout is one
            found[node] = None
    return found


def _smallest_gib(cards: Sequence[provenance.Gpu]) -> float | None:
    sizes = [card["memory_gib"] for card in cards]
    known = [size for size in sizes if size is not None]
    return min(known, default=None) if len(known) == len(sizes) else None
