"""Rows of a source, with the column of each role, in; what a manifest says of each, and where its sound is, out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from raytrain.config.constants import AGE_BUCKETS
from raytrain.speech.ages import bucket_of
from raytrain.speech.imports.columns import Found, in_months
from raytrain.speech.imports.sounds import SUFFIXES, Finder, Inside, sound_in
from raytrain.speech.imports.source import Part, Row
from raytrain.speech.manifest import CHILD_IS_KNOWN
from raytrain.speech.problems import Kind, ManifestProblem, UnusableError

_MOST_ID_LETTERS = 1_000
_MOST_NOTED = 1_000


@dataclass(frozen=True, slots=True)
class Meant:
    """One utterance, before its sound is read."""

    index: int
    """Its row's place in the source, from 0."""
    number: int
    """What its row is called by in messages."""
    fields: Mapping[str, Any]
    """Its fields in the manifest, but for the sound."""
    sound: Path | Inside
    part: Part | None
    notes: tuple[ManifestProblem, ...] = ()

    @property
    def utterance_id(self) -> str:
        return str(self.fields["utterance_id"])


class Reader:
    """Makes utterances of rows, and remembers the ids that were seen and what was noted."""

    def __init__(self, roles: Mapping[str, Found], finder: Finder, *, root: Path, each_its_own_speaker: bool) -> None:
        self._roles, self._finder, self._root, self._each_its_own = roles, finder, root, each_its_own_speaker
        self._in_months = in_months(roles)
        self._first_of: dict[str, int] = {}
        self._noted: set[str] = set()

    def seen(self, ids: Iterable[tuple[str, int]]) -> None:
        """Take these ids, with their rows' numbers, as seen before."""
        self._first_of.update(ids)

    def meant(self, rows: Iterable[Row], start: int) -> Iterator[Meant | ManifestProblem]:
        """Each row as an utterance, or what keeps it from being one; `start` is the first row's place."""
        for index, row in enumerate(rows, start):
            utterance_id: str | None = None
            try:
                if row.fault is not None:
                    raise row.fault
                sound = sound_in(row.values.get(self._roles["audio"].column))
                utterance_id = self._id(row, sound, index)
                yield self._utterance(row, index, utterance_id, sound)
            except UnusableError as error:
                yield ManifestProblem(row.number, utterance_id or self._given_id(row), error.kind, str(error))

    def _utterance(self, row: Row, index: int, utterance_id: str, sound: str | Inside) -> Meant:
        text, child_id = self._text_of(row, "text"), self._text_of(row, "speaker")
        if self._each_its_own:
            child_id = utterance_id
        if not text:
            raise UnusableError(Kind.EMPTY_TRANSCRIPT, "no transcript")
        if not child_id:
            raise UnusableError(Kind.MISSING_FIELD, f"no speaker in {self._roles['speaker'].column}")
        for name, value in (("speaker", child_id), ("id", utterance_id), ("session", self._text_of(row, "session"))):
            if value is not None and len(value) > _MOST_ID_LETTERS:
                raise UnusableError(Kind.WRONG_TYPE, f"its {name} has {len(value):,} letters")
        place = self._finder.path_of(sound, row.base) if isinstance(sound, str) else sound
        first = self._first_of.setdefault(utterance_id, row.number)
        if first != row.number:
            raise UnusableError(Kind.DUPLICATE_ID, f"first seen at line {first}")
        bucket, notes = self._bucket(row, utterance_id)
        fields: dict[str, Any] = {"utterance_id": utterance_id, "child_id": child_id}
        if self._each_its_own:
            fields[CHILD_IS_KNOWN] = False
        if session := self._text_of(row, "session"):
            fields["session_id"] = session
        fields |= {"age_bucket": bucket, "orthographic_text": text}
        return Meant(index, row.number, fields, place, row.part, notes)

    def _id(self, row: Row, sound: str | Inside, index: int) -> str:
        """As given; else the file's name without its suffix, with the folders below the source's; else the row's."""
        if given := self._text_of(row, "id"):
            return given
        if "id" in self._roles:
            raise UnusableError(Kind.MISSING_FIELD, f"no id in {self._roles['id'].column}")
        if isinstance(sound, str):
            below = row.base.relative_to(self._root) if row.base and row.base.is_relative_to(self._root) else Path()
            return _stem(f"{below.as_posix()}/{sound}")
        by_row = f"row{index + 1:07d}"
        name = _stem(sound.name) or by_row
        return f"{name}-{by_row}" if self._first_of.get(name, row.number) != row.number else name

    def _given_id(self, row: Row) -> str | None:
        """For a message."""
        given = as_text(row.values.get(self._roles["id"].column)) if "id" in self._roles else None
        return None if given is None else given[:_MOST_ID_LETTERS]

    def _bucket(self, row: Row, utterance_id: str) -> tuple[str, tuple[ManifestProblem, ...]]:
        if "age" not in self._roles:
            return AGE_BUCKETS[-1], ()
        age = row.values.get(self._roles["age"].column)
        bucket = bucket_of(age, in_months=self._in_months)
        if bucket is not None:
            return bucket, ()
        written = str(age)[:40]
        if written in self._noted or len(self._noted) >= _MOST_NOTED:
            return AGE_BUCKETS[-1], ()
        self._noted.add(written)
        message = f"{written!r} is no age: unknown, here and wherever else it occurs"
        return AGE_BUCKETS[-1], (ManifestProblem(row.number, utterance_id, Kind.AGE_BUCKET, message),)

    def _text_of(self, row: Row, role: str) -> str | None:
        found = self._roles.get(role)
        value = None if found is None else row.values.get(found.column)
        if isinstance(value, dict | list):
            raise UnusableError(Kind.WRONG_TYPE, f"{role} is wanted as one value; this is {value!r:.60}")
        return as_text(value)


def _stem(name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    return str(path.with_suffix("") if path.suffix.lower() in SUFFIXES else path).lstrip("./")


def as_text(value: Any) -> str | None:
    """A value as a text without blanks around it; a whole number as it is written without a point."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() or None
