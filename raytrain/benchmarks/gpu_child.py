"""A part of the bench of a GPU in a process of its own: what to do as JSON on the command line in; a line of JSON for
each thing that was found, out.

python -m raytrain.benchmarks.gpu_child {card,checks,memory,trial} '{"device": ..., ...}'
"""

import json
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil
import torch

from raytrain.benchmarks.gpu_checks import Bench, checks
from raytrain.benchmarks.memory_grid import grid, measure_grid
from raytrain.config.constants import GIB
from raytrain.config.reader import load_baseline
from raytrain.memory.footprint import Footprint
from raytrain.results.records import Row
from raytrain.speech.corpus import prepare
from raytrain.training import precision as precisions
from raytrain.training.precision import Precision
from raytrain.trial.inputs import inputs_of
from raytrain.trial.job import Job, Share
from raytrain.trial.training import train_here
from raytrain.whisper import weights

_TOLD_OF_A_TRIAL = (
    "outcome", "reason", "step", "peak_memory_reserved_gib", "peak_memory_allocated_gib", "peak_memory_resident_gib",
    "train_examples_per_s", "data_wait_share",
)  # fmt: skip


def _card(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The device, and the half precision that it computes in."""
    device = torch.device(asked["device"])
    if device.type == "cpu":
        yield {"name": "cpu", "memory_gib": None, "half": "bf16"}
        return
    card = torch.cuda.get_device_properties(device)
    yield {
        "name": card.name,
        "memory_gib": round(card.total_memory / GIB, 2),
        "half": precisions.resolve("auto", device=device).name,
        "capability": f"{card.major}.{card.minor}",
        "cuda": torch.version.cuda,
    }


def _checks(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    device = torch.device(asked["device"])
    config = load_baseline("tiny", [*asked["settings"], "model.dropout=0.0", "model.gradient_checkpointing=false"])
    corpus = prepare(Path(asked["manifest"]))
    bench = Bench(
        whisper=weights.load(config.model, seed=0),
        config=config,
        corpus=corpus,
        clips=list(range(min(asked["clips"], len(corpus)))),
        device=device,
        half=Precision(asked["half"], device),
    )
    yield from (asdict(check) for check in checks(bench))


def _memory(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The grid, the variant asked about first: time may end before it does."""
    fitting = sorted(grid(asked["card_gib"]), key=lambda point: point.variant != asked["variant"])[: asked["points"]]
    points = [replace(one, precision=asked["half"]) if one.precision == "bf16" else one for one in fitting]
    yield {"points": len(points)}
    yield from measure_grid(points, device=torch.device(asked["device"]))


def _trial(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A trial as a worker trains it, in its share of the card; its last row."""
    config = load_baseline("tiny", asked["settings"])
    inputs = inputs_of(config)
    on_a_gpu = asked["device"] == "cuda"
    job = Job(
        config=config,
        whereabouts=inputs.whereabouts,
        storage=asked["folder"],
        name=asked["name"],
        share=Share(use_gpu=on_a_gpu, gpu_fraction=asked["gpu_fraction"], cpus=1, threads=asked["threads"]),
        keep_best=None,
        score_first=False,
        predicted_memory_gib=Footprint(inputs.corpora).predict(config).predicted_memory_gib,
    )
    (Path(job.storage) / job.name).mkdir(parents=True)
    last = Row()

    def report(row: Row, _: Path | None) -> None:
        nonlocal last
        last = row

    if not on_a_gpu:
        _leave_room_for(asked["gib"])
    train_here(job, report=report, first=True, resume_from=None)
    row = last.as_dict()
    yield {name: row[name] for name in _TOLD_OF_A_TRIAL}


def _leave_room_for(gib: float) -> None:
    """On a CPU what this process may take from now on stands for a trial's share of a card."""
    taken = psutil.Process().memory_info().data
    resource.setrlimit(resource.RLIMIT_DATA, (round(taken + gib * GIB),) * 2)


_PARTS: dict[str, Callable[[dict[str, Any]], Iterator[dict[str, Any]]]] = {
    "card": _card,
    "checks": _checks,
    "memory": _memory,
    "trial": _trial,
}


if __name__ == "__main__":
    _, part, given = sys.argv
    asked = json.loads(given)
    torch.set_num_threads(asked["threads"])
    for found in _PARTS[part](asked):
        print(json.dumps(found), flush=True)
