"""What killed runs left reserved: Ray's table of placement groups in; those that nobody can use any more freed.

A group that a killed actor asked for outlives it until the whole study is over: the room is taken, and whoever waits
for it never starts. Ray Train's own cleaner, where there is one, hears of a run's group only once its workers have
started.
"""

import time

import ray
from ray._private.state import state as cluster_state
from ray.core.generated.gcs_pb2 import PlacementGroupTableData
from ray.util.placement_group import PlacementGroup, remove_placement_group

_LOOKS_EVERY_S = 0.05


def free_abandoned() -> int:
    """Remove the placement groups that dead actors of this Ray job asked for; how many there were."""
    ours = ray.JobID.from_hex(ray.get_runtime_context().get_job_id())
    abandoned = [group for group in _groups() if group.creator_job_id == ours.binary() and _is_abandoned(group)]
    for group in abandoned:
        remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))
    return len(abandoned)


def free_all_as_they_end(*, within_s: float) -> None:
    """Wait until nothing is reserved any more by actors of this Ray job, all of which have ended or are about to."""
    ends_s = time.monotonic() + within_s
    while _reserved_by_actors() and time.monotonic() < ends_s:
        if not free_abandoned():
            time.sleep(_LOOKS_EVERY_S)


def _reserved_by_actors() -> bool:
    ours = ray.JobID.from_hex(ray.get_runtime_context().get_job_id()).binary()
    nobody, removed = ray.ActorID.nil().binary(), PlacementGroupTableData.REMOVED
    return any(
        group.creator_job_id == ours and group.creator_actor_id != nobody and group.state != removed
        for group in _groups()
    )


def _groups() -> list[PlacementGroupTableData]:
    # The public table (ray.util.placement_group_table) leaves out who asked for a group.
    accessor = cluster_state._connect_and_get_accessor()
    return [PlacementGroupTableData.FromString(group) for group in accessor.get_placement_group_table()]


def _is_abandoned(group: PlacementGroupTableData) -> bool:
    # A group that no actor but the driver itself asked for carries a nil id, and counts as one of a dead actor.
    by_an_actor = group.creator_actor_id != ray.ActorID.nil().binary()
    removed = group.state == PlacementGroupTableData.REMOVED
    return by_an_actor and group.creator_actor_dead and not group.is_detached and not removed
