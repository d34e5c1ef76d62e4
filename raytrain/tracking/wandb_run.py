"""One Weights & Biases run: rows and a summary in, its page or its offline file out. Its failures stop nothing."""

import logging
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import wandb
from wandb.sdk.lib import wbauth

from raytrain.config.baseline import Tracking
from raytrain.errors import InputError
from raytrain.tracking.flat import flat_summary

log = logging.getLogger("raytrain")
# W&B's client counts its own errors with it, and says on a terminal when its server does not take the counts.
logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
Mode = Literal["online", "offline", "disabled"]
# W&B reads 255 as "killed", and any other status but 0 as "failed".
_EXIT_STATUS = {"completed": 0, "pruned": 0, "interrupted": 255}
_told: set[str] = set()


def wandb_mode(tracking: Tracking) -> Mode:
    """Where runs go. `auto` is WANDB_MODE where that is set, else online with a key and offline without; never asks."""
    if tracking.wandb == "auto":
        told = os.environ.get("WANDB_MODE", "")
        if told in ("offline", "disabled", "dryrun"):
            return "disabled" if told == "disabled" else "offline"
        return "online" if _has_key() else "offline"
    if tracking.wandb == "online" and not _has_key():
        raise InputError(
            "tracking.wandb: online needs a key and there is none: run `wandb login`, set WANDB_API_KEY, "
            "or take tracking.wandb=offline"
        )
    return tracking.wandb


class WandbRun:
    """A run among others in this process."""

    def __init__(
        self,
        tracking: Tracking,
        *,
        run_id: str,
        name: str,
        group: str | None,
        job_type: str,
        tags: Sequence[str],
        config: Mapping[str, Any],
        folder: Path,
        sweep_id: str | None = None,
    ) -> None:
        agent = "WANDB_SWEEP_ID" in os.environ
        arguments: dict[str, Any] = {
            # A sweep's agent has named project and run in the environment: those are the ones its sweep shows.
            "project": os.environ.get("WANDB_PROJECT") if agent else tracking.wandb_project,
            "id": os.environ.get("WANDB_RUN_ID", run_id) if agent else run_id,
            "name": name,
            "group": group,
            "job_type": job_type,
            "tags": [tag for tag in tags if tag],
            "config": dict(config),
            "dir": str(folder),
            "resume": "allow",
            "reinit": "create_new",
        }
        self._tags = tuple(arguments["tags"])
        self._run = _open(arguments, mode=wandb_mode(tracking), sweep_id=sweep_id)

    def log(self, row: Mapping[str, float], *, examples_seen: int) -> None:
        # Without commit a row waits for the next one, and a kill loses it.
        self.attempt(lambda run: run.log(dict(row), step=examples_seen, commit=True))

    def finish(self, outcome: str, summary: Mapping[str, Any]) -> None:
        self.attempt(lambda run: self._finish(run, outcome, summary))
        self._run = None

    def _finish(self, run: wandb.Run, outcome: str, summary: Mapping[str, Any]) -> None:
        # Nested values cannot be sorted by on a dashboard: the summary stays flat.
        run.summary.update({**flat_summary(summary), "outcome": outcome})
        run.tags = (*self._tags, outcome)
        run.finish(exit_code=_EXIT_STATUS.get(outcome, 1))

    def attempt(self, action: Callable[[wandb.Run], None]) -> None:
        """Do something with the open run; what goes wrong is said, and ends the tracking alone."""
        if self._run is None:
            return
        try:
            action(self._run)
        except Exception as error:  # noqa: BLE001 - whatever the tracker's trouble, the training it looks at goes on
            _warn(
                f"W&B: {_first_line(error)} {self._run.id} is whole on disk; send it later with `{_resend(self._run)}`"
            )
            server_answers.cache_clear()
            self._run = None


def _resend(run: wandb.Run) -> str:
    """The command that sends a run whole. A new id: rows that did arrive would stand under the old one twice."""
    return shlex.join(["wandb", "sync", "--no-skip-online", "--id", f"{run.id}-whole", str(Path(run.dir).parent)])


def _open(arguments: dict[str, Any], *, mode: Mode, sweep_id: str | None) -> "wandb.Run | None":
    """The run; offline where the server cannot be had, None where W&B does not work at all."""
    if mode == "online" and not server_answers():
        server = _server()
        _warn(f"W&B: {server} does not answer or refuses the key; tracking offline, send it later with `wandb sync`")
        mode = "offline"
    settings = wandb.Settings(
        silent=True,
        console="off",
        init_timeout=30,
        finish_timeout=30,
        finish_timeout_raises=True,
        # A killed process loses what is not flushed: the defaults are 15 s.
        x_transaction_log_flush_interval=1,
        x_file_stream_transmit_interval=1,
        # study.json and fit.json have the versions; to list every package anew was most of what a run's opening took.
        x_save_requirements=False,
        **({"sweep_id": sweep_id} if sweep_id is not None else {}),
    )
    try:
        return wandb.init(mode=mode, settings=settings, **arguments)
    except Exception as error:  # noqa: BLE001 - as above: a tracker that does not start stops nothing
        if mode == "online":
            server_answers.cache_clear()
            _warn(f"W&B: {_first_line(error)}; tracking this run offline, send it later with `wandb sync`")
            # The client still holds the id of the run that it could not open.
            return _open({**arguments, "id": f"{arguments['id']}-offline"}, mode="offline", sweep_id=sweep_id)
        _warn(f"W&B: {_first_line(error)}; going on without it")
        return None


def _has_key() -> bool:
    """Whether W&B's own lookup (environment, netrc, settings) finds a key; it asks nobody and keeps nothing."""
    try:
        return _key() is not None
    except wandb.errors.AuthenticationError as error:
        _warn(f"W&B: {_first_line(error)}; taken as no key")
        return False


@cache
def server_answers() -> bool:
    """Whether the server takes the key; asked once, and again after trouble, since a silent one costs 10 s."""
    try:
        key = _key()
        if key is not None:
            key.verify()
        return key is not None
    except wandb.errors.AuthenticationError:
        return False


def _server() -> str:
    """The server's address; asked first of all, so that the client is silent from its first word on."""
    return str(wandb.setup(wandb.Settings(silent=True)).settings.base_url)


def _key() -> wbauth.Auth | None:
    return wbauth.authenticate_session(host=_server(), source="raytrain", prompt=False, update_session=False)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _warn(text: str) -> None:
    """Say it once: twenty trials have the same trouble."""
    if text not in _told:
        _told.add(text)
        log.warning("%s", text)
