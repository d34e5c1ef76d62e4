"""Where a study's trials, or a fit, are tracked: settings and a folder in; words, and what sends the rows on, out."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from raytrain.config.baseline import Tracking
from raytrain.terminal import here
from raytrain.tracking.page import page_of
from raytrain.tracking.wandb_run import wandb_mode


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """Where W&B's runs go."""

    words: str
    """As in "W&B offline: results/NAME/wandb"."""
    command: str = ""
    """What sends them later; "" where nothing has to."""


def where_tracked(tracking: Tracking, folder: Path) -> Tracked | None:
    """Where W&B's runs of this folder go; None where there are none. Asks no server."""
    mode = wandb_mode(tracking)
    if mode == "disabled":
        return None
    if mode == "online":
        # A sweep's agent has named the project.
        project = os.environ.get("WANDB_PROJECT") if "WANDB_SWEEP_ID" in os.environ else tracking.wandb_project
        return Tracked(words=f"W&B online: {page_of(folder) or f'project {project}, {folder.name}'}")
    runs = here(folder / "wandb")
    return Tracked(words=f"W&B offline: {runs}", command=f"wandb sync {shlex.quote(runs)}/offline-run-*")
