"""What the parts of a GPU's bench share: what was asked in; weights, clips, child processes, and what is found, out."""

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from raytrain.benchmarks.beside import weights_folder
from raytrain.benchmarks.cards import peak_tflops
from raytrain.benchmarks.longer_clips import write_longer_clips
from raytrain.errors import InputError
from raytrain.speech.corpus import prepare
from raytrain.whisper.variants import VARIANTS


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything."""

    batch_size: int
    accumulation: int
    steps: int
    scored: int
    others: tuple[tuple[str, int, int], ...]
    """Cells that are measured without the recipe beside them: variant, batch size, accumulation."""
    compiled: bool
    checked_clips: int
    points: int
    """Points of the memory grid at most."""


ROOM_ON_A_CPU_GIB = 1.5
"""What a trial may take on a CPU, where no card has a size."""
FULL = Size(
    batch_size=12,
    accumulation=3,
    steps=12,
    scored=48,
    others=(("", 36, 1), ("", 4, 9), ("tiny", 12, 3)),
    compiled=True,
    checked_clips=8,
    points=1000,
)
REHEARSAL = Size(
    batch_size=2, accumulation=1, steps=4, scored=2, others=(("", 1, 2),), compiled=False, checked_clips=2, points=1
)
"""Every part on a CPU, within a minute or two."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to measure."""

    model: str
    """Weights, or a variant's name for random ones."""
    manifest: Path
    device: Literal["cuda", "cpu"]
    minutes: float
    threads: int
    size: Size


@dataclass
class GpuRun:
    """A run of the bench: `found` is filled part by part, and `keep` writes it."""

    asked: Asked
    folder: Path
    found: dict[str, Any]
    keep: Callable[[], None]
    say: Callable[[str], None]
    ends_s: float
    """When the part in hand must be over, by time.monotonic."""

    def prepare(self) -> None:
        """Weights, clips and what there is of a card."""
        asked = self.asked
        self.weights, self.variant = weights_folder(asked.model, self.folder)
        manifest, clips = write_longer_clips(prepare(asked.manifest), self.folder / "clips")
        # Of so few, those that there are will have to do.
        self.manifest = manifest if clips >= asked.size.batch_size * asked.size.accumulation else asked.manifest
        try:
            (self.card,) = self.child("card")
        except TimeoutError:
            raise InputError(f"--minutes {asked.minutes:g}: over before the device was known; give more") from None
        self.peak_tflops = peak_tflops(self.card["name"])
        self.found |= {
            "card": self.card | {"half_precision_tflops": self.peak_tflops},
            "variant": self.variant,
            "random_weights": asked.model in VARIANTS,
            "clips_of_3_to_4_5_s": self.manifest == manifest,
        }
        self.say(f"{self.card['name']}: {self.variant}, {asked.minutes:g} minutes at most")
        self.keep()

    def missed(self, what: str) -> None:
        """Say what there was no time for."""
        self.found["not_reached"].append(what)
        self.say(f"no time left for: {what}")

    def rows_of(self, part: str) -> list[dict[str, Any]]:
        self.found[part] = {"rows": []}
        rows: list[dict[str, Any]] = self.found[part]["rows"]
        return rows

    def child(self, part: str, **given: Any) -> Iterator[dict[str, Any]]:
        values = {"device": self.asked.device, "threads": self.asked.threads, **given}
        return found_by(part, values, ends_s=self.ends_s)

    def settings(self, *, batch_size: int, accumulation: int, variant: str = "") -> list[str]:
        """A baseline's settings; the bench's own weights where no variant is named."""
        named = [f"model.variant={variant}", "model.pretrained=null"]
        own = [f"model.variant={self.variant}", f"model.pretrained={self.weights}"]
        return [
            *(named if variant else own),
            f"data.train_manifest={self.manifest}",
            f"training.batch_size={batch_size}",
            f"training.gradient_accumulation_steps={accumulation}",
            f"training.precision={self.card['half']}",
            "tracking.wandb=disabled",
            "tracking.tensorboard=false",
        ]


def found_by(part: str, given: dict[str, Any], *, ends_s: float) -> Iterator[dict[str, Any]]:
    """What a process of raytrain.benchmarks.gpu_child finds, as it finds it; TimeoutError where it is not done at this
    moment of time.monotonic, and InputError where it breaks down."""
    command = [sys.executable, "-m", "raytrain.benchmarks.gpu_child", part, json.dumps(given)]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        timer = threading.Timer(max(0.0, ends_s - time.monotonic()), process.kill)
        timer.start()
        try:
            for line in process.stdout or ():
                yield json.loads(line)
            status = process.wait()
        finally:
            timer.cancel()
            process.kill()
        if status == -signal.SIGKILL and time.monotonic() >= ends_s:
            raise TimeoutError(part)
        if status:
            errors.seek(0)
            said = errors.read().strip().splitlines() or [f"status {status}"]
            raise InputError(f"{part} broke down: {said[-1]}")
