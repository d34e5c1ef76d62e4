"""What raytrain needs of W&B's client and the client does not promise to keep: all of it, each with its reason.

tests/tracking/test_wandb_private.py goes red when a new client changes one of them.
"""

import logging
from typing import Any

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


def silence_telemetry() -> None:
    """W&B counts its own errors by OpenTelemetry, which complains on a terminal when a server takes no counts."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
