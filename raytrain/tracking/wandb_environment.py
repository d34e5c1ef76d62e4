"""W&B's environment and settings files in, judged by W&B's own client before anything starts; one line of fault out.

What the client would stumble over after the last trial is refused here, and so is a password that it would write down.
"""

import os
from collections.abc import Callable
from functools import partial

import wandb
from pydantic import ValidationError

from raytrain.config.baseline import Tracking
from raytrain.errors import InputError
from raytrain.tracking.wandb_private import settings_of_files
from raytrain.tracking.wandb_run import wandb_mode

_WAY_OUT = "or go on without W&B by tracking.wandb=disabled"
_SECRET = ("KEY", "TOKEN", "HEADERS", "PROXY", "CREDENTIAL", "PASSWORD")
_LONGEST = 60
"""Letters of a value, and of a reason, that a message shows at most: this often, and five times as often."""


def require_sound(tracking: Tracking) -> None:
    """Refuse an environment that W&B cannot work with, unless it is not asked to.

    A key loses blanks and newlines around it, as a file it is read from ends in one.
    """
    if tracking.wandb == "disabled" or (tracking.wandb == "auto" and os.environ.get("WANDB_MODE") == "disabled"):
        return
    if "WANDB_API_KEY" in os.environ:
        os.environ["WANDB_API_KEY"] = os.environ["WANDB_API_KEY"].strip()
    settings = wandb.Settings(silent=True, resume="allow")  # `resume` as runs have it: others exclude it
    for name, value in sorted(os.environ.items()):
        if name.startswith("WANDB_"):
            if name.endswith("URL"):
                _refuse_password(name, value)
            _judge(_shown(name, value), partial(settings.update_from_env_vars, {name: value}))
    _judge("W&B's settings file", lambda: _judge_files(settings))
    _judge(
        f"tracking.wandb_project: {_short(tracking.wandb_project)}",
        lambda: setattr(settings, "project", tracking.wandb_project),
    )
    wandb_mode(tracking)


def _judge(what: str, setting: Callable[[], None]) -> None:
    try:
        setting()
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - the client's validators raise whatever they stumble over
        raise InputError(f"{what}: {_reason(error)}; correct or unset it, {_WAY_OUT}") from None


def _judge_files(settings: wandb.Settings) -> None:
    _refuse_password("base_url in W&B's settings file", str(settings_of_files(settings).base_url))


def _refuse_password(name: str, value: str) -> None:
    if "@" in value:
        raise InputError(
            f"{name}: the address holds a user or password, which W&B's client writes into its logs; leave it out of "
            f"the address and set WANDB_API_KEY, {_WAY_OUT}"
        )


def _shown(name: str, value: str) -> str:
    if any(word in name for word in _SECRET):
        return name
    return f"{name}: {_short(value) if value.strip() else 'set and empty'}"


def _short(value: str) -> str:
    return ascii(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}...")


def _reason(error: Exception) -> str:
    """Pydantic's own words without the value, which may be a secret; the client's may hold letters that no line has."""
    reason = str(error.errors(include_input=False)[0]["msg"] if isinstance(error, ValidationError) else error)
    reason = (reason.strip() or type(error).__name__)[: 5 * _LONGEST]
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in reason)
