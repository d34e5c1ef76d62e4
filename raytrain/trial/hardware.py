"""What a cluster has to train on: the cluster this process is in, in; its machines, with CPUs, GPUs and cards, out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from raytrain.results import provenance

_ANSWER_WITHIN_S = 30.0


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
    """What the cluster that this process is in has for workers; of a machine that does not answer, not its cards."""
    import ray

    alive = [node for node in ray.nodes() if node["Alive"]]
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
