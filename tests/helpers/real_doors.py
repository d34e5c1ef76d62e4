"""Real doors in processes of their own: arguments in; the run as it goes on, and what it said as it ended, out."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

LIMIT_S = 200
PLAIN = (
    "training.precision=fp32", "evaluation.max_utterances=2", "tracking.wandb=disabled", "tracking.tensorboard=false",
    "scaling.use_gpu=false",
)  # fmt: skip
FIT = (
    "raytrain.fit", "--config", "tiny", "training.max_steps=200", "training.num_epochs=null", "training.batch_size=4",
    "training.checkpoint_every_steps=200", "evaluation.every_steps=200", *PLAIN,
)  # fmt: skip
TUNE = ("raytrain.tune", "--baseline", "tiny", "--trials", "3", *PLAIN)


@dataclass(frozen=True)
class Ended:
    """How a door ended."""

    status: int
    said: str
    seconds: float
    """From what ended it to its end."""
    left: list[str]
    """The processes of its own that were still there five seconds later."""


class Door:
    """A door that runs. It and all it started are gone after the block."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._run = subprocess.Popen(
            [sys.executable, "-m", *arguments], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
            start_new_session=True, env=os.environ | environment,
        )  # fmt: skip

    def __enter__(self) -> "Door":
        return self

    def __exit__(self, *_: object) -> None:
        if self._run.poll() is None:
            for process in self.all():
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self._run.wait()

    def all(self) -> list[psutil.Process]:
        """Its own process, and after it all that it started."""
        door = psutil.Process(self._run.pid)
        return [door, *door.children(recursive=True)]

    def until(self, found: Callable[[], Any]) -> Any:
        """What is found, once it is something."""
        ends_s = time.monotonic() + LIMIT_S
        while time.monotonic() < ends_s:
            assert self._run.poll() is None, self._run.communicate()[1]
            if value := found():
                return value
            time.sleep(0.1)
        raise TimeoutError

    def until_it_trains(self, storage: Path, *, examples_seen: int = 0) -> Path:
        """The run's folder, once a run in there says that it has trained on so many utterances."""
        return self.until(lambda: training_in(storage, examples_seen=examples_seen))

    def process_named(self, part: str) -> psutil.Process:
        """The process with this in its command, once there is one."""
        return self.until(lambda: next((one for one in self.all() if part in " ".join(_command(one))), None))

    def ended(self, *signals: int, to: Sequence[psutil.Process] = (), apart_s: float = 1.0) -> Ended:
        """How it ends after these signals, to its own process if to no others."""
        door, *below = self.all()
        began_s = time.monotonic()
        for position, number in enumerate(signals):
            time.sleep(apart_s if position else 0.0)
            for process in to or [door]:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
        said = self._run.communicate(timeout=LIMIT_S)[1]
        seconds = time.monotonic() - began_s
        _, alive = psutil.wait_procs(below, timeout=5)
        return Ended(self._run.returncode, said, seconds, [process.name() for process in alive])


def training_in(storage: Path, *, examples_seen: int = 0) -> Path | None:
    """The folder in a storage in which something trains just now, and has trained on so many utterances."""
    for progress in storage.glob("**/progress.json"):
        told = json.loads(progress.read_text())
        if told["phase"] == "training" and told["examples_seen"] >= examples_seen:
            return storage / progress.relative_to(storage).parts[0]
    return None


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
