"""What raytrain needs of W&B's client and the client does not promise to keep: all of it, each with its reason.

tests/tracking/test_wandb_private.py goes red when a new client changes one of them.
"""

from pathlib import Path
from typing import Any

import wandb
from wandb.analytics.opentelemetry import opentelemetry_proxy
from wandb.sdk import wandb_settings
from wandb.sdk.lib import wbauth

UNPROMISED_SETTINGS: dict[str, Any] = {
    # A killed process loses what is not flushed: the defaults are 15 s.
    "x_transaction_log_flush_interval": 1,
    "x_file_stream_transmit_interval": 1,
    # study.json and fit.json have the versions; to list every package anew was most of what a run's opening took.
    "x_save_requirements": False,
}
"""Keyword arguments of wandb.Settings; the x_ marks settings that a release may drop."""


def find_key(server: str) -> wbauth.Auth | None:
    """The key by W&B's own lookup (environment, netrc, settings file); a malformed one is an AuthenticationError.

    The public `wandb.login` may ask on the terminal and keeps the key for the process; a run must do neither.
    """
    return wbauth.authenticate_session(host=server, source="raytrain", prompt=False, update_session=False)


def settings_of_files(settings: wandb.Settings) -> wandb.Settings:
    """What W&B's settings files say, or whatever the client raises of them; it would print that, and go on without."""
    return wandb_settings._parse_system_settings(settings.read_system_settings())


def unlink_service_log(run: wandb.Run) -> None:
    """Take the link to the client's own log, in the person's cache, out of the run's folder: none may leave a run."""
    (Path(run.dir).parent / "logs" / "debug-core.log").unlink(missing_ok=True)


def stop_telemetry() -> None:
    """W&B counts its own errors by OpenTelemetry, which holds up the exit of a process while a server is silent."""
    opentelemetry_proxy.disable()
