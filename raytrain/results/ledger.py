"""The ledger of a study: TrialRecords in, a line each, on disk before `append` returns; the same records out."""

import fcntl
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import IO

from raytrain.errors import InputError
from raytrain.results.records import TrialRecord

log = logging.getLogger("raytrain")
_FIELDS = {field.name for field in fields(TrialRecord)}


class Ledger:
    """`trials.jsonl` in a study's folder. Reading needs no lock; one process at a time writes.

    The lock is the open file's, so that it goes when its process does, by whatever death.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.path = self.folder / "trials.jsonl"
        self._lock: IO[str] | None = None

    @contextmanager
    def held(self) -> Iterator["Ledger"]:
        """Keep the ledger for this process; while another has it, refuse with who that is."""
        if self._lock is not None:
            yield self
            return
        self._lock = _take_lock(self.folder / "study.lock")
        try:
            yield self
        finally:
            self._lock.close()
            self._lock = None

    def append(self, record: TrialRecord) -> bool:
        """Add a record and sync it to disk; False, and nothing written, where its trial_id is there already."""
        with self.held():
            records, whole_bytes = self._parse()
            if any(record.trial_id == other.trial_id for other in records):
                return False
            with self.path.open("ab") as file:
                if file.tell() > whole_bytes:
                    log.warning("%s: the last line was cut short by a kill; it is taken out", self.path)
                    file.truncate(whole_bytes)
                file.write(record.as_json().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            if not records:
                _sync_folder(self.folder)
        return True

    def read(self) -> list[TrialRecord]:
        """All records, in the order they ended. A last line cut short by a kill is left out; any other is an error."""
        return self._parse()[0]

    def _parse(self) -> tuple[list[TrialRecord], int]:
        """The records, and how many bytes of the file they fill."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return [], 0
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror}; make it a file that can be read") from None
        records: dict[str, TrialRecord] = {}
        # A record is written with its newline in one go: what follows the last newline was never finished.
        whole, _, _ = content.rpartition(b"\n")
        for number, line in enumerate(whole.split(b"\n") if whole else [], 1):
            record = _record(line, place=f"{self.path}:{number}")
            records.setdefault(record.trial_id, record)
        return list(records.values()), len(whole) + 1 if whole else 0


def _record(line: bytes, *, place: str) -> TrialRecord:
    try:
        values = json.loads(line)
    except ValueError:
        raise InputError(f"{place}: not JSON; restore the line from a copy, or take it out") from None
    if not isinstance(values, dict):
        raise InputError(f"{place}: not a trial record; restore the line from a copy, or take it out")
    unknown = sorted(set(values) - _FIELDS)
    if unknown:
        raise InputError(f"{place}: unknown fields {', '.join(unknown)}: written by a newer raytrain; use that version")
    try:
        return TrialRecord.from_json(line.decode())
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"{place}: not a trial record ({error}); restore the line, or take it out") from None


def _take_lock(path: Path) -> IO[str]:
    # Kept apart from the ledger, whose bytes are the records' alone.
    lock = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "another process"
        lock.close()
        raise InputError(
            f"{path.parent}: in use by {holder}; wait until it has ended, stop it, or start a study of its own"
        ) from None
    lock.truncate(0)
    lock.write(f"process {os.getpid()} on {socket.gethostname()}")
    lock.flush()
    return lock


def _sync_folder(folder: Path) -> None:
    """A new file survives a power cut only once the folder that names it is on disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
