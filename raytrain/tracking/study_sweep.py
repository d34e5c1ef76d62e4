"""A study in; a W&B sweep with its trials as members out. Its id lies in the folder: a resumed study joins again."""

import contextlib
import io
import os
import re
from functools import partial
from pathlib import Path

import wandb

from raytrain.config.baseline import Tracking
from raytrain.config.languages import Rate
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.files import is_disk_fault, write_text
from raytrain.tracking.background import within
from raytrain.tracking.sweep import study_sweep
from raytrain.tracking.wandb_run import first_line, server_answers, wandb_mode

_PATIENCE_S = 60.0
_LONGEST_ID = 64
_WAY_OUT = "leave out --wandb-sweep: the trials are tracked without it"


def require_online(tracking: Tracking) -> None:
    """Refuse a sweep where none can be made: its members are known to the server alone."""
    mode = wandb_mode(tracking)
    if mode != "online":
        raise InputError(
            f"--wandb-sweep: W&B is {mode} here, and a sweep is made by its server; run `wandb login` or set "
            f"WANDB_API_KEY, with tracking.wandb=online, or {_WAY_OUT}"
        )
    if not server_answers():
        raise InputError(f"--wandb-sweep: W&B's server does not answer or refuses the key; try again, or {_WAY_OUT}")


def create_sweep(tracking: Tracking, space: SearchSpace, *, folder: Path, rate: Rate = "WER") -> str:
    """Make the study's sweep by this rate, unless it has one; return the address of its page."""
    try:
        return within(_PATIENCE_S, partial(_sweep_page, tracking.wandb_project, space, folder, rate))
    except OSError as error:
        if is_disk_fault(error):
            raise
        fault = first_line(error)
    except Exception as error:  # noqa: BLE001 - whatever the server answered, nothing has begun yet
        fault = first_line(error)
    raise InputError(f"--wandb-sweep: W&B's server made none ({fault}); try again, or {_WAY_OUT}")


def _sweep_page(project: str, space: SearchSpace, folder: Path, rate: Rate) -> str:
    sweep_id = sweep_of(folder)
    if sweep_id is None:
        with contextlib.redirect_stdout(io.StringIO()):  # stdout is for results, and W&B writes there
            sweep_id = wandb.sweep(study_sweep(space, name=folder.name, rate=rate), project=project)
        write_text(_file(folder), sweep_id)
    api = wandb.Api()
    entity = os.environ.get("WANDB_ENTITY") or api.default_entity
    return str(api.sweep(f"{entity}/{project}/{sweep_id}").url)


def sweep_of(folder: Path) -> str | None:
    """The id of the study's sweep; None where it has none, or its file was damaged."""
    if not _file(folder).is_file():
        return None
    with _file(folder).open("rb") as file:
        written = file.read(_LONGEST_ID + 1).decode("utf-8", "replace").strip()
    return written if re.fullmatch(r"[\w-]+", written) and len(written) <= _LONGEST_ID else None


def _file(folder: Path) -> Path:
    return folder / "tracking" / "sweep.txt"
