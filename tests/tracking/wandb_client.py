"""Tracked runs in a process of their own, since W&B's client keeps its server for the life of a process.

`python wandb_client.py FOLDER '[{"run_id": ..., "outcome": ..., "rows": [...]}]'` logs the runs one after the other.
"""

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Tracking
from raytrain.tracking.content import RunContent
from raytrain.tracking.tracked_run import open_run

CONFIG = {
    "model.variant": "tiny", "training.batch_size": 8, "training.learning_rate": 1e-5, "training.spec_augment": None,
}  # fmt: skip
BIN = Path(sys.executable).parent
NOBODY = {"NETRC": "/nonexistent", "WANDB_SILENT": "true"}


def rows(*examples_seen: int) -> list[dict[str, Any]]:
    """A row an evaluation; the WER falls."""
    return [
        {"examples_seen": seen, "eval_wer": 1 / (2 + seen), "wer_by_age_bucket": {"5-7": 0.25}}
        for seen in examples_seen
    ]


def environment(**values: str) -> dict[str, str]:
    """This process's, without anybody's W&B."""
    bare = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    return {**bare, **NOBODY, **values}


def track(folder: Path, runs: list[dict[str, Any]], *, timeout_s: float = 120, **values: str) -> str:
    """Log runs in another process; what it said."""
    command = [sys.executable, __file__, str(folder), json.dumps(runs)]
    done = subprocess.run(command, env=environment(**values), capture_output=True, text=True, timeout=timeout_s)
    assert done.returncode in (0, -9), done.stderr
    return done.stdout + done.stderr


def wandb_command(folder: Path, *arguments: str, timeout_s: float = 120, **values: str) -> str:
    """W&B's own command, run in `folder`; what it said."""
    command = [str(BIN / "wandb"), *arguments]
    env = environment(PATH=f"{BIN}:{os.environ['PATH']}", **{**values, "WANDB_SILENT": "false"})
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=timeout_s)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def offline_runs(folder: Path) -> list[str]:
    """What is still to be sent."""
    return [str(path) for path in sorted(folder.glob("wandb/offline-run-*"))]


def _log(folder: Path, asked: dict[str, Any]) -> None:
    content = RunContent(
        run_id=asked["run_id"],
        name=asked["run_id"].title(),
        group="study",
        job_type=asked.get("job_type", "trial"),
        tags=("tiny", "smoke"),
        config=CONFIG,
    )
    run = open_run(Tracking(tensorboard=False), content, folder=folder, sweep_id=asked.get("sweep_id"))
    for row in asked["rows"]:
        run.log(row)
    time.sleep(asked.get("then_wait_s", 0))
    if asked.get("then_die"):
        os.kill(os.getpid(), 9)
    last = asked["rows"][-1]
    run.finish(asked["outcome"], {**last, "best_eval_wer": last["eval_wer"]})


if __name__ == "__main__":
    logging.basicConfig()
    for one in json.loads(sys.argv[2]):
        _log(Path(sys.argv[1]), one)
