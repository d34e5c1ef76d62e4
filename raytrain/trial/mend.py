"""A run's folder before it starts; the same with its newest whole checkpoint as the one that Ray Train goes on from.

Ray writes its snapshot in place, refuses a torn one, or one that names what is gone, for ever, and would go on from
whatever bytes the latest checkpoint has.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Model
from raytrain.errors import InputError
from raytrain.files import read_as, write_json
from raytrain.results.records import WORST_OBJECTIVE
from raytrain.training.checkpoint import resume_fault
from raytrain.trial.storage import NEVER_THE_BEST, SNAPSHOT, by_step, naming_alone, read_snapshot
from raytrain.whisper.folders import RAYTRAIN


@dataclass(frozen=True, slots=True)
class _Scored:
    eval_wer: float | None = None
    eval_cer: float | None = None
    """In place of the WER, where the language writes no spaces."""


_log = logging.getLogger("raytrain")


def mend(run: Path, model: Model, *, may_begin_anew: bool) -> None:
    """Set damaged checkpoints aside, by another name, and say so; the one before them becomes the latest.

    Where none is left the run begins anew, or, unless it may, InputError leaves all as it is.
    """
    if not (run / SNAPSHOT).exists():
        return
    found = read_snapshot(run)
    if found is None:
        # A kill cut it short: of the newest checkpoint it may be that nobody has heard.
        kept = sorted((path for path in run.glob("step-*") if path.is_dir()), key=by_step)[:-1]
        snapshot = _snapshot_of(kept)
        _log.warning("%s: cut short; going by the checkpoints before the newest", run / SNAPSHOT)
    else:
        snapshot = found[0]
        kept = sorted((run / one.checkpoint_dir_name for one in found[1].checkpoint_results), key=by_step)
    damaged: dict[Path, str] = {}
    while kept and (fault := _fault(kept[-1], model)) is not None:
        damaged[kept.pop()] = fault
    if damaged and not kept and not may_begin_anew:
        told = "; ".join(f"{folder.name}: {fault}" for folder, fault in damaged.items())
        raise InputError(f"{run}: no checkpoint is whole ({told}); bring one back, or remove the folder to begin anew")
    for folder, fault in damaged.items():
        way_on = f"going on from {kept[-1].name}" if kept else "the run begins anew"
        _log.warning("%s: %s; %s", folder, fault, way_on)
        if folder.exists():
            folder.rename(_free(folder.with_name(f"damaged-{folder.name}")))
    _write(run, snapshot, [folder for folder in kept if folder.is_dir()])


def _fault(folder: Path, model: Model) -> str | None:
    if not folder.is_dir():
        return "missing"
    return resume_fault(folder, model.model_copy(update={"pretrained": str(folder)}))


def _write(run: Path, snapshot: dict[str, Any], kept: list[Path]) -> None:
    """Let Ray's snapshot name these checkpoints alone, the last of them as the latest."""
    changed = naming_alone(snapshot, [folder.name for folder in kept])
    if changed is None:
        (run / SNAPSHOT).unlink()
    elif changed != snapshot:
        write_json(run / SNAPSHOT, changed)


def _snapshot_of(kept: list[Path]) -> dict[str, Any]:
    """A snapshot in Ray's form of checkpoints that it has no note of any more."""
    lists = ("pending_training_results", "pending_validation_specs", "validated_checkpoint_dir_names",
             "timed_out_validation_checkpoint_dir_names", "failed_validation_checkpoint_dir_names")  # fmt: skip
    ranked = sorted(enumerate(kept), key=lambda one: _wer(one[1]), reverse=True)
    return {name: [] for name in lists} | {
        "checkpoint_results": [
            {"checkpoint_dir_name": folder.name, "metrics": {"eval_wer": _wer(folder)}} for _, folder in ranked
        ],
        "checkpoint_report_indices": [index for index, _ in ranked],
        "current_report_index": len(kept),
    }


def _wer(folder: Path) -> float:
    """What Ray ranks a checkpoint by."""
    try:
        found = read_as(folder / RAYTRAIN, _Scored)
    except InputError:
        return WORST_OBJECTIVE
    wer = found.eval_cer if found.eval_wer is None else found.eval_wer
    return NEVER_THE_BEST if wer is None else wer


def _free(wanted: Path) -> Path:
    places = (wanted, *(wanted.with_name(f"{wanted.name}-{number}") for number in range(2, 1000)))
    return next(place for place in places if not place.exists())
