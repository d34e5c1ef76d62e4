"""One Weights & Biases run: rows and a summary in, its page or its offline file out. Its failures stop nothing."""

import logging
import os
import shlex
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import wandb

from raytrain.config.baseline import Tracking
from raytrain.errors import InputError
from raytrain.tracking.content import RunContent, flat_summary
from raytrain.tracking.page import keep_page
from raytrain.tracking.wandb_private import UNPROMISED_SETTINGS, find_key, stop_telemetry, unlink_service_log

log = logging.getLogger("raytrain")
stop_telemetry()
Mode = Literal["online", "offline", "disabled"]
_EXIT_STATUS = {"completed": 0, "pruned": 0, "interrupted": 255}
"""By outcome: W&B reads 255 as "killed", and any other status but 0 as "failed"."""


def wandb_mode(tracking: Tracking) -> Mode:
    """Where runs go. `auto` is WANDB_MODE where that is set, else online with a key and offline without; never asks."""
    if tracking.wandb == "auto":
        asked = os.environ.get("WANDB_MODE", "")
        if asked in ("offline", "disabled", "dryrun"):
            return "disabled" if asked == "disabled" else "offline"
        return "online" if _has_key() else "offline"
    if tracking.wandb == "online" and not _has_key():
        raise InputError(
            "tracking.wandb: online needs a key and there is none: run `wandb login`, set WANDB_API_KEY, "
            "or take tracking.wandb=offline"
        )
    return tracking.wandb


class WandbRun:
    """A W&B run that is going on, among others in this process."""

    def __init__(self, tracking: Tracking, content: RunContent, *, folder: Path, sweep_id: str | None = None) -> None:
        project: str | None = tracking.wandb_project
        run_id = content.run_id
        if "WANDB_SWEEP_ID" in os.environ:
            # A sweep's agent has named project and run in the environment: those are the ones its sweep shows.
            project, run_id = os.environ.get("WANDB_PROJECT"), os.environ.get("WANDB_RUN_ID", run_id)
        arguments: dict[str, Any] = {
            "project": project,
            "id": run_id,
            "name": content.name,
            "group": content.group,
            "job_type": content.job_type,
            "tags": list(content.tags),
            "config": dict(content.config),
            "dir": str(folder),
            "resume": "allow",
            "reinit": "create_new",
        }
        self._tracking, self._arguments, self._sweep_id = tracking, arguments, sweep_id
        self._run: wandb.Run | None = None

    def open(self) -> None:
        """Start the run, where it is to be; an error where W&B does not work at all."""
        mode = wandb_mode(self._tracking)
        if mode != "disabled":
            self._run = _open(self._arguments, mode=mode, sweep_id=self._sweep_id)
            unlink_service_log(self._run)
            self._keep_page(self._run)

    def log(self, row: Mapping[str, float], *, examples_seen: int) -> None:
        """Send one row at this step."""
        # Without commit a row waits for the next one, and a kill loses it.
        self.act(lambda run: run.log(dict(row), step=examples_seen, commit=True))

    def finish(self, outcome: str, summary: Mapping[str, Any]) -> None:
        """Send the summary, and close the run with the outcome as a tag and as its state."""
        self.act(lambda run: self._finish(run, outcome, summary))

    def act(self, action: Callable[[wandb.Run], None]) -> None:
        """Do something with the run, where W&B has one."""
        if self._run is not None:
            action(self._run)

    def given_up(self, error: Exception) -> str:
        """What to say once it is left out because of this."""
        server_answers.cache_clear()
        if self._run is None:
            return f"W&B: {first_line(error)}; going on without it"
        return f"W&B: {first_line(error)} {self._run.id} is whole on disk; send it later with `{_resend(self._run)}`"

    def _keep_page(self, run: wandb.Run) -> None:
        """Write down, and say, where the runs of this folder are seen: a study's as a group."""
        if run.offline:
            return
        group = self._arguments["group"]
        address = run.url if group is None else f"{run.project_url}/groups/{quote(group, safe='')}"
        if address and keep_page(Path(self._arguments["dir"]), address):
            log.info("tracked    %s", address)

    def _finish(self, run: wandb.Run, outcome: str, summary: Mapping[str, Any]) -> None:
        # Nested values cannot be sorted by on a dashboard: the summary stays flat.
        run.summary.update({**flat_summary(summary), "outcome": outcome})
        run.tags = (*self._arguments["tags"], outcome)
        run.finish(exit_code=_EXIT_STATUS.get(outcome, 1))


@cache
def server_answers() -> bool:
    """Whether the server takes the key; asked once, and again after trouble, since a silent one costs 10 s."""
    try:
        key = find_key(_server())
        if key is not None:
            key.verify()
        return key is not None
    except (wandb.errors.AuthenticationError, ValueError):  # ValueError: a timeout or netrc that Python cannot read
        return False


def _open(arguments: dict[str, Any], *, mode: Mode, sweep_id: str | None) -> wandb.Run:
    """The run; offline where the server cannot be had."""
    if mode == "online" and not server_answers():
        server = _server()
        warn_once(
            f"W&B: {server} does not answer or refuses the key; tracking offline, send it later with `wandb sync`"
        )
        mode = "offline"
    settings = wandb.Settings(
        silent=True,
        console="off",
        init_timeout=30,
        finish_timeout=30,
        finish_timeout_raises=True,
        **UNPROMISED_SETTINGS,
        **({"sweep_id": sweep_id} if sweep_id is not None else {}),
    )
    try:
        return wandb.init(mode=mode, settings=settings, **arguments)
    except Exception as error:
        if mode != "online":
            raise
        server_answers.cache_clear()
        warn_once(f"W&B: {first_line(error)}; tracking this run offline, send it later with `wandb sync`")
        # The client still holds the id of the run that it could not open.
        return _open({**arguments, "id": f"{arguments['id']}-offline"}, mode="offline", sweep_id=sweep_id)


def _resend(run: wandb.Run) -> str:
    """The command that sends a run whole. A new id: rows that did arrive would stand under the old one twice."""
    return shlex.join(["wandb", "sync", "--no-skip-online", "--id", f"{run.id}-whole", str(Path(run.dir).parent)])


def _has_key() -> bool:
    """Whether this machine has a key for the server; asks nobody and keeps nothing."""
    try:
        return find_key(_server()) is not None
    except (wandb.errors.AuthenticationError, ValueError) as error:  # ValueError: a netrc that is not text
        warn_once(f"W&B: {first_line(error)}; taken as no key")
        return False


def _server() -> str:
    """The server's address; looked up before anything else, so that the client is silent from its first word on."""
    return str(wandb.setup(wandb.Settings(silent=True)).settings.base_url)


def first_line(error: Exception) -> str:
    """What an error says first, or its kind."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


@cache
def warn_once(text: str) -> None:
    """Log a warning the first time only: twenty trials have the same trouble."""
    log.warning("%s", text)
