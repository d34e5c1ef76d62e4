"""What trackers left on disk, read back with their own clients."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def wandb_records(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """All records of a folder's offline runs, by kind, in the order they were written."""
    leet = Path(sys.executable).with_name("wandb")
    records: dict[str, list[dict[str, Any]]] = {}
    for run in sorted(folder.glob("wandb/offline-run-*")):
        printed = subprocess.run([leet, "leet", "inspect", "--json", run], capture_output=True, text=True, check=True)
        for line in printed.stdout.splitlines():
            record = json.loads(line)
            records.setdefault(record["type"], []).append(record[record["type"]])
    return records


def wandb_history(records: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """History rows without what W&B adds to each."""
    rows = [record["item"] for record in records.get("history", [])]
    return [{key: value for key, value in row.items() if not key.startswith("_")} for row in rows]


def wandb_summary(records: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The summary as it stood at the end."""
    summary: dict[str, Any] = {}
    for record in records["summary"]:
        summary.update(record.get("update", {}))
    return summary


def tensorboard_events(folder: Path) -> EventAccumulator:
    """A TensorBoard folder, loaded whole."""
    return EventAccumulator(str(folder)).Reload()
