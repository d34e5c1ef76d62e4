"""A plan in; a folder with a manifest, and with FLAC where sound lay inside the source, out. Whole, or to go on with.

Rows are done in parts; one that is done is a file in `.import/`, and an import that was stopped goes on after the last.
"""

import hashlib
import json
import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from raytrain.config.constants import AGE_BUCKETS
from raytrain.errors import InputError
from raytrain.files import ProcessLock, make_folder, move, read_as, write_json
from raytrain.speech.imports.plan import Plan
from raytrain.speech.imports.take import taken
from raytrain.speech.imports.utterances import Reader
from raytrain.speech.problems import Kind, ManifestProblem, Tally, problem_lines
from raytrain.speech.progress_bar import ProgressCallback
from raytrain.speech.spellings import spelling

logger = logging.getLogger("raytrain")

MANIFEST = "manifest.jsonl"
_RECORD, _PARTS, _AUDIO, _LOCK = "import.json", ".import", "audio", "lock"
_PART_ROWS = 1024
_MOST_LISTED = 1_000
_WAY_OUT = "remove the folder, and import anew"


@dataclass(frozen=True, slots=True)
class _Record:
    """What import.json says: of what the folder is made, and whether it is whole."""

    source: str
    kind: str
    split: str | None
    columns: dict[str, Any]
    each_its_own_speaker: bool
    stamp: str
    """A digest of the source's files' names, sizes and times, or the hub's commit."""
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """Some rows that are done."""

    rows: int
    lines: list[dict[str, Any]]
    """Of the manifest."""
    ids: list[tuple[str, int]]
    """Those that were seen, with their rows' numbers."""
    problems: list[dict[str, Any]]


@dataclass
class Imported:
    """What came of an import: what `check` would say of it, and utterances by age bucket."""

    problems: list[ManifestProblem] = field(default_factory=list)
    unlisted: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    children: set[str] = field(default_factory=set)
    seconds: float = 0.0
    buckets: Counter[str] = field(default_factory=Counter)
    was_whole: bool = False
    """Whether there was nothing left to do."""

    def add(self, part: _Part) -> None:
        """Count a part in."""
        for found in part.problems:
            values = {name: value for name, value in found.items() if name != "fatal"}
            problem = ManifestProblem(**{**values, "kind": Kind(found["kind"])})
            self.tally.add([problem])
            if self.tally.count(problem) <= _MOST_LISTED:
                self.problems.append(problem)
            else:
                self.unlisted[problem.kind] += 1
        for line in part.lines:
            self.tally.usable += 1
            self.children.add(spelling(line["child_id"]))
            self.seconds += line["audio_duration_sec"]
            self.buckets[line["age_bucket"]] += 1

    @property
    def by_bucket(self) -> dict[str, int]:
        """Utterances by age bucket, the youngest first."""
        return {bucket: self.buckets[bucket] for bucket in AGE_BUCKETS if self.buckets[bucket]}

    def lines(self, *, place: str) -> Iterator[str]:
        """For the person, as `check` says it: problems, totals and utterances by age bucket."""
        yield from problem_lines(self.problems, self.unlisted, place=place)
        yield f"{self.tally.describe()}; {len(self.children)} children, {self.seconds / 3600:.2f} h usable"
        if self.buckets:
            yield f"age buckets: {', '.join(f'{bucket} {number}' for bucket, number in self.by_bucket.items())}"

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON has it, in the words of `check`."""
        return {
            **self.tally.as_dict(),
            "children": len(self.children),
            "hours": self.seconds / 3600,
            "age_buckets": self.by_bucket,
            "problems": [problem.as_dict() for problem in self.problems],
            "unlisted": dict(self.unlisted),
        }


class TooManyBad(InputError):
    """More rows were left out than are allowed; with what was found, to be listed."""

    def __init__(self, message: str, imported: Imported) -> None:
        super().__init__(message)
        self.imported = imported


def write(
    plan: Plan,
    folder: Path,
    *,
    max_bad_share: float = 0.02,
    progress: ProgressCallback = lambda done, total: None,
) -> Imported:
    """Import into a folder that is new, empty, or holds a part or all of this very import; any other is refused."""
    record = _recorded(plan)
    _require_ours(folder, record)
    try:
        make_folder(folder / _PARTS)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}; name another folder") from None
    refusal = f"{folder}: another process imports into it"

    def in_use(holder: str) -> InputError:
        return InputError(f"{refusal} ({holder}); wait for it, or name another folder")

    with ProcessLock(folder / _PARTS / _LOCK, in_use=in_use):
        _begin(folder, record)
        imported = _rows_done(plan, folder, max_bad_share, progress)
        total = imported.tally.usable + imported.tally.num_left_out
        if not total:
            raise InputError(f"{plan.source.place}: holds no rows; name the file or folder that lists the sound")
        if imported.tally.bad_share > max_bad_share or not imported.tally.usable:
            _forget(folder)
            raise TooManyBad(_refusal(plan, imported, max_bad_share), imported)
        imported.was_whole = _is_whole(folder)
        if not imported.was_whole:
            _join(folder)
            write_json(folder / _RECORD, asdict(record) | {"is_whole": True})
    return imported


def _recorded(plan: Plan) -> _Record:
    return _Record(
        source=plan.source.place,
        kind=plan.source.kind,
        split=plan.source.split,
        columns={role: found.column for role, found in plan.roles.items()},
        each_its_own_speaker=plan.each_its_own_speaker,
        stamp=hashlib.sha256(plan.source.stamp().encode()).hexdigest(),
    )


def _require_ours(folder: Path, record: _Record) -> None:
    """InputError where the folder holds anything but this import, or nothing."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder to import into")
    if not (folder / _RECORD).is_file():
        if any(path.name != _PARTS for path in folder.iterdir()):
            raise InputError(f"{folder}: holds other files; name a new or an empty folder to import into")
        return
    was = read_as(folder / _RECORD, _Record, way_out=_WAY_OUT)
    if (was.source, was.split) != (record.source, record.split):
        of = f"{was.source}{'' if was.split is None else f', split {was.split}'}"
        raise InputError(f"{folder}: holds the import of {of}; name another folder, or remove it")
    if (was.columns, was.each_its_own_speaker) != (record.columns, record.each_its_own_speaker):
        raise InputError(f"{folder}: was imported by other columns; name another folder, or remove it")
    if was.stamp != record.stamp and was.is_whole:
        raise InputError(f"{folder}: was imported before {was.source} changed; remove it to import anew")


def _begin(folder: Path, record: _Record) -> None:
    """Write down what is imported; what was begun of a source that has changed since is begun anew."""
    if (folder / _RECORD).is_file():
        was = read_as(folder / _RECORD, _Record, way_out=_WAY_OUT)
        if was.stamp == record.stamp:
            return
        logger.info("%s has changed since its import was begun: it begins anew", record.source)
        _forget(folder)
    write_json(folder / _RECORD, asdict(record))


def _forget(folder: Path) -> None:
    """Take away what was imported, so that the next time begins anew: rows may be mended till then."""
    (folder / _RECORD).unlink(missing_ok=True)
    for path in (folder / _PARTS).glob("*.json"):
        path.unlink()
    shutil.rmtree(folder / _AUDIO, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    return read_as(folder / _RECORD, _Record, way_out=_WAY_OUT).is_whole and (folder / MANIFEST).is_file()


def _rows_done(plan: Plan, folder: Path, max_bad_share: float, progress: ProgressCallback) -> Imported:
    """Do all rows that are not done yet."""
    imported, done, number = Imported(), 0, 0
    root = Path(plan.source.place)
    reader = Reader(
        plan.roles,
        plan.finder,
        root=root if root.is_dir() else root.parent,
        each_its_own_speaker=plan.each_its_own_speaker,
    )
    while (path := _part_path(folder, number)).is_file():
        part = read_as(path, _Part, way_out=_WAY_OUT)
        reader.seen(part.ids)
        imported.add(part)
        done, number = done + part.rows, number + 1
    progress(done, plan.num_rows or done)
    if done == plan.num_rows or _is_whole(folder):
        return imported
    most_bad = max(max_bad_share * (plan.num_rows or 0), _MOST_LISTED)
    rows = plan.source.rows(done)
    while (first := next(rows, None)) is not None:
        counted = 0

        def count(more: int) -> None:
            nonlocal counted
            counted += more
            progress(done + counted, max(plan.num_rows or 0, done + counted))  # noqa: B023  # called within the turn

        items = reader.meant(chain([first], islice(rows, _PART_ROWS - 1)), done)
        results = list(taken(items, folder / _AUDIO, count))
        part = _Part(
            rows=counted,
            lines=[result.line for result in results if result.line is not None],
            ids=[(result.line["utterance_id"], result.number) for result in results if result.line is not None],
            problems=[problem.as_dict() for result in results for problem in result.problems],
        )
        write_json(_part_path(folder, number), asdict(part))
        imported.add(part)
        done, number = done + counted, number + 1
        if imported.tally.num_left_out > most_bad:
            break
    return imported


def _part_path(folder: Path, number: int) -> Path:
    return folder / _PARTS / f"{number:06d}.json"


def _join(folder: Path) -> None:
    """Make one manifest of all parts."""
    new = folder / f".{MANIFEST}.new"
    with new.open("w", encoding="utf-8") as file:
        for line in _lines(folder):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    move(new, folder / MANIFEST)


def _lines(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((folder / _PARTS).glob("*.json")):
        yield from read_as(path, _Part, way_out=_WAY_OUT).lines


def _refusal(plan: Plan, imported: Imported, max_bad_share: float) -> str:
    tally = imported.tally
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(tally.left_out.items()))
    total = plan.num_rows or tally.usable + tally.num_left_out
    if not tally.usable:
        return f"{plan.source.place}: no usable row of {total}: {kinds}. First: {'; '.join(tally.first)}"
    return (
        f"{plan.source.place}: {tally.num_left_out} of {total} rows are unusable ({tally.num_left_out / total:.1%} is "
        f"over {max_bad_share:.1%}): {kinds}. First: {'; '.join(tally.first)}. Mend them, or raise --max-bad-share"
    )
