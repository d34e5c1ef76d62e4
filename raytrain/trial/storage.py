"""A run as Ray Train keeps it: its folder in; the checkpoints that it has noted there out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from raytrain.errors import InputError
from raytrain.files import as_kind, parse_json, read_value

SNAPSHOT = "checkpoint_manager_snapshot.json"
NEVER_THE_BEST = 1e9
"""The WER by which Ray ranks a checkpoint that was not scored: it ranks no null, and writes no infinity as JSON."""
_WAY_OUT = "the run's checkpoints are looked for by their folders"


@dataclass(frozen=True, slots=True)
class _Kept:
    checkpoint_dir_name: Annotated[str, Field(pattern=r"^step-[0-9]+(-unscored)?$")]
    metrics: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What is read of Ray's snapshot."""

    checkpoint_results: list[_Kept]
    """As Ray ranks them, the best last."""
    checkpoint_report_indices: list[int]
    """The number of the report that each came with."""
    latest_checkpoint_result: _Kept | None

    def __post_init__(self) -> None:
        names = [kept.checkpoint_dir_name for kept in self.checkpoint_results]
        if len(self.checkpoint_report_indices) != len(names):
            raise ValueError("checkpoint_report_indices: not one for each checkpoint")
        if self.latest_checkpoint_result and self.latest_checkpoint_result.checkpoint_dir_name not in names:
            raise ValueError("latest_checkpoint_result: not one of the checkpoints")


def latest_checkpoint(run: Path) -> Path | None:
    """The last checkpoint that was written whole and reported."""
    found = read_snapshot(run)
    latest = None if found is None else found[1].latest_checkpoint_result
    return run / latest.checkpoint_dir_name if latest is not None else None


def noted_checkpoints(run: Path) -> list[Path] | None:
    """All checkpoints that were written whole and reported; None where Ray left no note of them."""
    found = read_snapshot(run)
    return None if found is None else [run / kept.checkpoint_dir_name for kept in found[1].checkpoint_results]


def read_snapshot(run: Path) -> tuple[dict[str, Any], _Snapshot] | None:
    """Ray's snapshot, all of it and what of it is read; None where there is none, or a kill cut it short."""
    path = run / SNAPSHOT
    try:
        values = read_value(path, way_out=_WAY_OUT)
        return values, as_kind(values, _Snapshot, place=str(path), way_out=_WAY_OUT)
    except InputError:
        return None


def parsed(raw: bytes, *, place: str) -> tuple[dict[str, Any], _Snapshot] | None:
    """A snapshot that was read elsewhere; None where it is none."""
    try:
        values = parse_json(raw, place=place, way_out=_WAY_OUT)
        return values, as_kind(values, _Snapshot, place=place, way_out=_WAY_OUT)
    except InputError:
        return None


def naming_alone(snapshot: dict[str, Any], kept: Sequence[str]) -> dict[str, Any] | None:
    """The snapshot that names these checkpoints alone, the last of them as the latest; None where there are none."""
    if not kept:
        return None
    indexed = zip(snapshot["checkpoint_results"], snapshot["checkpoint_report_indices"], strict=True)
    left = [(one, index) for one, index in indexed if one["checkpoint_dir_name"] in set(kept)]
    return snapshot | {
        "checkpoint_results": [one for one, _ in left],
        "checkpoint_report_indices": [index for _, index in left],
        "latest_checkpoint_result": next(one for one, _ in left if one["checkpoint_dir_name"] == kept[-1]),
    }


def by_step(folder: Path) -> tuple[int, bool]:
    """The key that sorts checkpoints, by step; one that was scored comes after an unscored one of the same step."""
    step = folder.name.removeprefix("step-").removesuffix("-unscored")
    return int(step), not folder.name.endswith("-unscored")
