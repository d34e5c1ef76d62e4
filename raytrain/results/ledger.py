"""The ledger of a study: TrialRecords in, a line each, on disk before `append` returns; the same records out."""

import threading
from pathlib import Path

from raytrain.errors import InputError
from raytrain.files import START, AppendedLines, Mark, ProcessLock
from raytrain.results.records import TrialRecord


class Ledger:
    """`trials.jsonl` in a study's folder. Reading needs no lock; one process at a time writes, within `held`."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.path = self.folder / "trials.jsonl"
        self._lines = AppendedLines(self.path, parse=TrialRecord.from_dict)
        self._records: list[TrialRecord] = []
        self._ids: set[str] = set()
        self._mark, self._one_reads = START, threading.Lock()
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
            self.read_on()
            if record.trial_id in self._ids:
                return False
            self._lines.append(record.as_dict())
        return True

    def read(self) -> list[TrialRecord]:
        """All records, in the order they ended. A last line cut short by a kill is left out; any other is an error."""
        return self.read_on()[0]

    def read_on(self, mark: Mark = START) -> tuple[list[TrialRecord], Mark]:
        """The records after those that the mark says are known, and the next mark, as of appended lines."""
        with self._one_reads:
            self._follow()
            now = Mark(self._mark.reading, len(self._records))
            return self._records[mark.rows :] if now.goes_on_from(mark) else list(self._records), now

    def _follow(self) -> None:
        added, mark = self._lines.read_on(self._mark)
        if not mark.goes_on_from(self._mark):
            self._records, self._ids = [], set()
        for record in added:
            if record.trial_id not in self._ids:
                self._records.append(record)
                self._ids.add(record.trial_id)
        self._mark = mark
