"""What a W&B server knows: runs, sweeps, agents and artifacts, and how what clients send changes them."""

import itertools
import json
import threading
from dataclasses import dataclass, field
from typing import Any

ENTITY = "tester"
_STATES = {0: "finished", 255: "killed"}
_LAST_ID = itertools.count(1)


def new_id(prefix: str) -> str:
    """An id that nothing else has."""
    return f"{prefix}{next(_LAST_ID):07}"


@dataclass
class Run:
    """One run as its client sent it."""

    name: str
    """What the client calls its id."""
    project: str = "uncategorized"
    display_name: str | None = None
    group: str | None = None
    job_type: str | None = None
    notes: str | None = None
    tags: list[str] = field(default_factory=list)
    config: str = "{}"
    sweep: str | None = None
    state: str = "pending"
    exit_code: int | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def end(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self.state = _STATES.get(exit_code, "failed")


@dataclass
class Sweep:
    """A question to agents; what it proposes is given by the test, since no search is tested here."""

    name: str
    config: str
    project: str
    state: str = "PENDING"
    proposals: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Artifact:
    """Files under a name, and who logged them."""

    id: str
    collection: str
    kind: str
    run: str | None
    digest: str
    version: int
    state: str = "PENDING"
    files: dict[str, bytes] = field(default_factory=dict)
    manifest: bytes = b""


class Account:
    """All there is on the server. `lock` is held while a request is answered."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.runs: dict[str, Run] = {}
        self.sweeps: dict[str, Sweep] = {}
        self.agents: dict[str, Sweep] = {}
        self.artifacts: dict[str, Artifact] = {}
        self.unknown: list[str] = []
        """Operations the client asked for and nobody here knows."""

    def run(self, name: str) -> Run:
        return self.runs.setdefault(name, Run(name))

    def stream(self, run_name: str, piece: dict[str, Any]) -> None:
        """A piece of a run's file stream: lines from an offset on, and the exit status with the last one."""
        run = self.run(run_name)
        for name, lines in (piece.get("files") or {}).items():
            content = [json.loads(line) for line in lines.get("content", [])]
            if name == "wandb-history.jsonl":
                run.history[lines["offset"] :] = content
            elif name == "wandb-events.jsonl":
                run.events[lines["offset"] :] = content
            elif name == "wandb-summary.json" and content:
                run.summary = content[-1]
        if piece.get("complete"):
            run.end(piece.get("exitcode", 0))
        else:
            run.state = "running"

    def propose(self, sweep: Sweep) -> Run | None:
        """The sweep's next run, or None when its proposals are used up."""
        if not sweep.proposals:
            sweep.state = "FINISHED"
            return None
        sweep.state = "RUNNING"
        values = sweep.proposals.pop(0)
        run = self.run(new_id("agent"))
        run.project, run.sweep, run.config = (
            sweep.project,
            sweep.name,
            json.dumps({key: {"value": value} for key, value in values.items()}),
        )
        return run

    def latest(self, collection: str) -> Artifact | None:
        """The newest version of an artifact, by its collection's name."""
        found = [one for one in self.artifacts.values() if one.collection == collection]
        return max(found, key=lambda one: one.version, default=None)
