"""The ledger of a study: TrialRecords in, a line each, on disk before `append` returns; the same records out."""

from pathlib import Path
from typing import Any

from raytrain.errors import InputError
from raytrain.files import AppendedLines, ProcessLock
from raytrain.results.records import TrialRecord, UnknownFields


class Ledger:
    """`trials.jsonl` in a study's folder. Reading needs no lock; one process at a time writes, within `held`."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.path = self.folder / "trials.jsonl"
        self._lines = AppendedLines(self.path, parse=_record)
        self._lock = ProcessLock(
            self.folder / "study.lock",
            in_use=lambda holder: InputError(
                f"{self.folder}: in use by {holder}; wait until it has ended, stop it, or start a study of its own"
            ),
        )

    def held(self) -> ProcessLock:
        """Keep the study for this process as long as the block runs; while another has it, refuse with who that is."""
        return self._lock

    def append(self, record: TrialRecord) -> bool:
        """Add a record and sync it to disk; False, and nothing written, where its trial_id is there already."""
        with self.held():
            if any(record.trial_id == other.trial_id for other in self.read()):
                return False
            self._lines.append(record.as_dict())
        return True

    def read(self) -> list[TrialRecord]:
        """All records, in the order they ended. A last line cut short by a kill is left out; any other is an error."""
        by_id: dict[str, TrialRecord] = {}
        for record in self._lines.read():
            by_id.setdefault(record.trial_id, record)
        return list(by_id.values())


def _record(values: dict[str, Any], place: str) -> TrialRecord:
    try:
        return TrialRecord.from_dict(values, place=place)
    except UnknownFields as error:
        raise InputError(f"{place}: unknown fields {error}: written by a newer raytrain; use that version") from None
