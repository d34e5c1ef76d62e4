"""A manifest in JSON lines: a path in; utterances, and problems with their line numbers, out. Reads no audio."""

import json
import math
import os
import re
import shlex
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raytrain.config.constants import AGE_BUCKETS
from raytrain.errors import InputError, Meant
from raytrain.files import at_home
from raytrain.speech.ages import bucket_of
from raytrain.speech.manifest_file import MOST_LINE_BYTES, numbered_lines
from raytrain.speech.problems import Kind, ManifestProblem, UnusableError
from raytrain.speech.spellings import spelling

DEMO_MANIFEST = Path(__file__).parent / "demo" / "manifest.jsonl"
_REQUIRED = ("utterance_id", "child_id", "audio_path")
_TRANSCRIPT = "orthographic_text"
_TEXTS = (*_REQUIRED, _TRANSCRIPT, "session_id", "md5_hash")
_NUMBERS = ("audio_duration_sec", "filesize_bytes")
_NUMBER = re.compile(r"\d{1,15}(\.\d{1,15})?")
_MOST_ID_LETTERS = 1_000
_MOST_PATH_BYTES = 4_096  # the most that Linux opens
_MOST_NOTED = 1_000
"""Things that are noted once each: a manifest of which every line has its own is noted no further."""
CHILD_IS_KNOWN = "child_is_known"
"""A field that is false where an import took an utterance for a child of its own; every output then says so."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One line of a manifest. A field that was not given is None, and is not checked."""

    utterance_id: str
    child_id: str
    audio_path: Path
    age_bucket: str
    """The bucket that the utterance is scored in, one of AGE_BUCKETS."""
    orthographic_text: str
    """The transcript; empty where the manifest was read without."""
    duration_s: float | None
    """The duration that the manifest declares; the audio decides."""
    session_id: str | None
    md5_hash: str | None
    filesize_bytes: int | None
    line: int
    """The line's number, from 1."""


def manifest_path(name_or_path: str | Path) -> Path:
    """The manifest's absolute path; `demo` is the corpus in the package."""
    if str(name_or_path) == "demo":
        return DEMO_MANIFEST
    path = at_home(name_or_path).absolute()
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # the latter for a null in a name
        message = "no such manifest; give a JSON-lines file, or `demo` for the packaged corpus"
        raise InputError(f"{name_or_path}: {message}") from None
    if stat.S_ISDIR(mode):
        raise _is_folder(str(name_or_path), path)
    if not stat.S_ISREG(mode):
        raise InputError(f"{name_or_path}: a pipe or a device; a manifest is read more than once: write it to a file")
    return path


def _is_folder(typed: str, folder: Path) -> InputError:
    inside = sorted(folder.glob("*.jsonl"))
    if inside:
        meant: Meant = ((typed,), (str(Path(typed) / inside[0].name),))
        return InputError(f"{typed}: is a folder; name the manifest inside it, such as {inside[0]}", meant=meant)
    made = f"python -m raytrain.data import {shlex.quote(typed)} --to FOLDER makes one of what datasets or Kaldi read"
    return InputError(f"{typed}: is a folder, and holds no manifest; {made}")


def has_transcripts(path: Path) -> bool:
    """Whether any line has a transcript; InputError where the file is no JSON lines."""
    for _, raw in numbered_lines(path):
        try:
            text = None if raw is None else _parse(raw).get(_TRANSCRIPT)
        except UnusableError:
            continue
        if text is not None and str(text).strip():
            return True
    return False


def iterate_manifest(path: Path, *, with_texts: bool = True) -> Iterator[Utterance | ManifestProblem]:
    """Each line as an utterance or the problem with it, in order; what concerns many lines is noted at the first.

    Without texts, a line needs no transcript: its utterance has an empty one.
    """
    reader = _Reader(path.parent, with_texts=with_texts)
    for line, raw in numbered_lines(path):
        utterance_id = None
        try:
            if raw is None:
                raise UnusableError(Kind.TOO_LARGE, f"over {MOST_LINE_BYTES:,} bytes; an utterance has some hundred")
            fields = _parse(raw)
            utterance_id = _id(fields)
            utterance, notes = reader.utterance(fields, line)
        except UnusableError as error:
            yield ManifestProblem(line, utterance_id, error.kind, str(error))
            continue
        for kind, message in notes:
            yield ManifestProblem(line, utterance_id, kind, message)
        yield utterance


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8")
        fields = json.loads(text)
        if "\\ud" in text or "\\uD" in text:
            # JSON can spell half a surrogate pair (\ud800), which no file and no Arrow column can hold.
            json.dumps(fields, ensure_ascii=False).encode("utf-8")
    except UnicodeError as error:
        raise UnusableError(Kind.BAD_UTF8, f"not UTF-8: {getattr(error, 'reason', error)}") from error
    except (ValueError, RecursionError) as error:
        raise UnusableError(Kind.BAD_JSON, f"not a JSON object: {error}") from error
    if not isinstance(fields, dict):
        raise UnusableError(Kind.BAD_JSON, f"a JSON object is wanted, this is a {type(fields).__name__}")
    # pandas writes NaN for a value that is not there.
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in fields.items()}


def _id(fields: Mapping[str, Any]) -> str | None:
    given = fields.get("utterance_id")
    return str(given)[:_MOST_ID_LETTERS] if _is_whole(given) or (isinstance(given, str) and given.strip()) else None


class _Reader:
    """Makes utterances of lines, and remembers what was seen: ids, spellings of children, and what was noted."""

    def __init__(self, folder: Path, *, with_texts: bool) -> None:
        self._folder, self._with_texts = folder, with_texts
        self._required = (*_REQUIRED, _TRANSCRIPT) if with_texts else _REQUIRED
        self._first_line_of: dict[str, int] = {}
        self._spelling_of: dict[str, str] = {}
        self._noted: set[tuple[Kind, str]] = set()

    def utterance(self, fields: dict[str, Any], line: int) -> tuple[Utterance, list[tuple[Kind, str]]]:
        """The line's utterance, and notes; UnusableError with the first thing that keeps it from being one."""
        missing = [name for name in self._required if fields.get(name) is None]
        if missing:
            raise UnusableError(Kind.MISSING_FIELD, f"missing: {', '.join(missing)}")
        fields, read_as = _meant(fields)
        wrong = [message for name in fields if (message := _wrong_type(name, fields[name]))]
        if wrong:
            raise UnusableError(Kind.WRONG_TYPE, "; ".join(wrong))
        first_line = self._first_line_of.setdefault(fields["utterance_id"], line)
        if first_line != line:
            raise UnusableError(Kind.DUPLICATE_ID, f"first seen at line {first_line}")
        text = (fields.get(_TRANSCRIPT) or "") if self._with_texts else ""
        if self._with_texts and not text.strip():
            raise UnusableError(Kind.EMPTY_TRANSCRIPT, "orthographic_text is empty")
        path = self._folder / fields["audio_path"]
        if "\\" in fields["audio_path"] and not os.path.exists(path):  # noqa: PTH110  # Path's raises for long names
            path = self._folder / fields["audio_path"].replace("\\", "/")
            read_as["audio_path"] = "audio_path is divided by \\: read as with /"
        bucket, size, duration_s = (fields.get(name) for name in ("age_bucket", "filesize_bytes", "audio_duration_sec"))
        notes = [(Kind.READ_AS, name, f"{message}, here and wherever else") for name, message in read_as.items()]
        notes += self._odd_child(fields["child_id"])
        if fields.get(CHILD_IS_KNOWN) is False:
            notes.append(
                (Kind.CHILD_NOT_KNOWN, "", "who speaks is not known, here and wherever child_is_known is false")
            )
        if bucket not in AGE_BUCKETS:
            notes.append((Kind.AGE_BUCKET, str(bucket)[:40], _strange_bucket(bucket)))
        utterance = Utterance(
            utterance_id=fields["utterance_id"],
            child_id=fields["child_id"],
            audio_path=path,
            age_bucket=bucket if bucket in AGE_BUCKETS else "unknown",
            orthographic_text=text,
            duration_s=None if duration_s is None else float(duration_s),
            session_id=fields.get("session_id"),
            md5_hash=fields["md5_hash"].strip().lower() if fields.get("md5_hash") else None,
            filesize_bytes=None if size is None else int(size),
            line=line,
        )
        return utterance, [(kind, message) for kind, about, message in notes if self._is_news(kind, about)]

    def _odd_child(self, child_id: str) -> list[tuple[Kind, str, str]]:
        """A note where a child of this id, but for blanks, case and what cannot be seen, was met before."""
        known = self._spelling_of.setdefault(spelling(child_id), child_id)
        if known == child_id:
            return []
        message = f"child_id {child_id!a} is {known!a} elsewhere: taken for one child; write it one way"
        return [(Kind.CHILD_SPELLING, child_id, message)]

    def _is_news(self, kind: Kind, about: str) -> bool:
        if (kind, about) in self._noted or len(self._noted) >= _MOST_NOTED:
            return False
        self._noted.add((kind, about))
        return True


def _meant(fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields with whole numbers as texts where texts are wanted, and the other way round; what was read so."""
    meant, read_as = dict(fields), dict[str, str]()
    for name in _TEXTS:
        value = fields.get(name)
        if _is_whole(value):
            meant[name] = str(value)
            read_as[name] = f"{name} is the number {meant[name]:.40}: read as text"
    for name in _NUMBERS:
        value = fields.get(name)
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            meant[name] = float(value)
            read_as[name] = f"{name} is a text, {value!r}: read as a number"
    return meant, read_as


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong_type(name: str, value: Any) -> str | None:
    """What is wrong with a field's value, or None. Unknown fields may hold anything."""
    if value is None:
        return None
    if name in _TEXTS and not isinstance(value, str):
        return f"{name} is {value!r:.40}, not a string"
    if name == "audio_path" and "\0" in value:
        return "audio_path holds a null character"
    if name in ("utterance_id", "child_id", "session_id") and len(value) > _MOST_ID_LETTERS:
        return f"{name} has {len(value):,} letters"
    if name == "audio_path" and len(value.encode()) > _MOST_PATH_BYTES:
        return f"audio_path has {len(value.encode()):,} bytes"
    if name in ("utterance_id", "child_id", "audio_path") and not value.strip():
        return f"{name} is empty"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if name == "audio_duration_sec" and not (is_number and 0 <= value < 1e9):
        return f"{name} is {value!r:.40}, not a number of seconds"
    if name == "filesize_bytes" and not (is_number and value >= 0 and value == value // 1):
        return f"{name} is {value!r:.40}, not a whole number"
    return None


def _strange_bucket(bucket: Any) -> str:
    what = "there is no age_bucket" if bucket is None else f"{bucket!r:.40} is not one of {', '.join(AGE_BUCKETS)}"
    meant = bucket_of(bucket)
    hint = "" if meant in (None, AGE_BUCKETS[-1]) else f"; `raytrain.data import` of this manifest makes it {meant}"
    return f"{what}: scored as unknown, here and wherever else it occurs{hint}"
