"""The errors that leave a room, as one tree on a page, and the exit status that each door ends in by them.

    RaytrainError
        InputError      2    what the person got wrong
        Broken          1    the work failed by something outside of it
            Damaged     1    an archived run is not what was archived
            ClusterLost 1    Ray has died
        RunError        -    one training failed: caught, and kept in its record
    Interrupted         130  the person stopped the work

An error that its own room catches stays in that room. How a training ends, diverged or out of memory, is an outcome
and no error: raytrain.training has these. run_door in raytrain.cli turns errors into exit statuses; anything else that
is raised is a fault of ours, ends in a traceback and status 1.
"""

Meant = tuple[tuple[str, ...], tuple[str, ...]]
"""Arguments that were typed, and those that were meant."""


class RaytrainError(Exception):
    """Any error of raytrain's own that may leave the room that raised it."""


class InputError(RaytrainError, ValueError):
    """What the person got wrong, raised anywhere: the place, the fact and the way out. Exit status 2, nothing lost.

    A ValueError too, so that pydantic reports one that a validator raises with the key that it is about.

    `meant` are arguments as they were typed, and what was probably meant by them: the door then names the whole command
    as it would be right.
    """

    def __init__(self, message: str, *, meant: Meant | None = None) -> None:
        super().__init__(message)
        self.meant = meant


class Broken(RaytrainError):
    """The work failed by something outside of it, say a disk: what, and the way to go on. Doors raise it: status 1."""


class Damaged(Broken):
    """What is archived is not what was archived, a line for each fault. raytrain.archive raises it: exit status 1."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class ClusterLost(Broken):
    """Ray has died on this machine. raytrain.trial.cluster raises it; `tune` adds the command to go on: status 1."""


class RunError(RaytrainError):
    """A training raised, or its workers died; the reason in a line. raytrain.trial raises it, and records it."""


class Interrupted(KeyboardInterrupt):
    """The person stopped the work. Doors raise it with `resume`, the command that goes on with it: exit status 130."""

    def __init__(self, resume: str) -> None:
        super().__init__(resume)
        self.resume = resume
