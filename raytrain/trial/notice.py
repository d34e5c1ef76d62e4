"""Machines that will be taken away: the notice that Ray has of that in; whether it concerns this run, out.

Ray hears of it from its launcher on a cloud, from `ray drain-node`, or from whatever else drains a node. Ray Train has
a watcher of its own, a process for each run; here a thread of the worker asks.
"""

import threading
import time

_LOOKS_EVERY_S = 1.0


class TakenAway(Exception):
    """A machine of this run will be taken away; where the run stands is saved."""


class Notice:
    """Whether one of the machines of the run that this process is a worker of will be taken away."""

    def __init__(self) -> None:
        self._given = False
        threading.Thread(target=self._look, daemon=True).start()

    def __call__(self) -> bool:
        return self._given

    def _look(self) -> None:
        from ray._private.state import state as cluster_state

        machines = _machines_of_this_run()
        while not self._given:
            self._given = not machines.isdisjoint(cluster_state.get_draining_nodes())
            time.sleep(_LOOKS_EVERY_S)


def _machines_of_this_run() -> set[str]:
    """Ray's ids of the machines on which its workers are."""
    import ray
    from ray.util import get_current_placement_group, placement_group_table

    group = get_current_placement_group()
    placed = placement_group_table(group)["bundles_to_node_id"].values() if group is not None else ()
    return {ray.get_runtime_context().get_node_id(), *placed}
