"""A manifest in JSON lines: a path in; utterances, and problems with their line numbers, out. Reads no audio."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raytrain.config.constants import AGE_BUCKETS
from raytrain.errors import InputError
from raytrain.speech.problems import Kind, ManifestProblem, UnusableError

DEMO_MANIFEST = Path(__file__).parent / "demo" / "manifest.jsonl"
_REQUIRED = ("utterance_id", "child_id", "audio_path", "orthographic_text")
_TEXTS = (*_REQUIRED, "session_id", "md5_hash")


@dataclass(frozen=True, slots=True)
class Utterance:
    """One line of a manifest. A field that was not given is None, and is not checked."""

    utterance_id: str
    child_id: str
    audio_path: Path
    age_bucket: str
    """The bucket that the utterance is scored in, one of AGE_BUCKETS."""
    orthographic_text: str
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
    path = Path(name_or_path).expanduser().absolute()
    if path.is_dir():
        raise InputError(f"{name_or_path}: is a folder; name the manifest inside it, such as {path / 'manifest.jsonl'}")
    if not path.is_file():
        raise InputError(f"{name_or_path}: no such manifest; give a JSON-lines file, or `demo` for the packaged corpus")
    return path


def iterate_manifest(path: Path) -> Iterator[Utterance | ManifestProblem]:
    """Each line as an utterance or the problem with it, in order; an age bucket outside the list is noted once."""
    first_line_of: dict[str, int] = {}
    noted_buckets: set[str] = set()
    try:
        with path.open("rb") as file:
            for line, raw in enumerate(file, start=1):
                if line == 1:
                    raw = raw.removeprefix(b"\xef\xbb\xbf")
                if not raw.strip():
                    continue
                utterance_id = None
                try:
                    fields = _parse(raw)
                    utterance_id = _id(fields)
                    utterance = _utterance(fields, line, path.parent, first_line_of)
                except UnusableError as error:
                    yield ManifestProblem(line, utterance_id, error.kind, str(error))
                    continue
                bucket = fields.get("age_bucket")
                if bucket not in AGE_BUCKETS and str(bucket) not in noted_buckets:
                    noted_buckets.add(str(bucket))
                    yield ManifestProblem(line, utterance_id, Kind.AGE_BUCKET, _strange_bucket(bucket))
                yield utterance
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


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
    return given if isinstance(given, str) and given.strip() else None


def _utterance(fields: Mapping[str, Any], line: int, folder: Path, first_line_of: dict[str, int]) -> Utterance:
    """The line's utterance; UnusableError with the first thing that keeps it from being one."""
    missing = [name for name in _REQUIRED if fields.get(name) is None]
    if missing:
        raise UnusableError(Kind.MISSING_FIELD, f"missing: {', '.join(missing)}")
    wrong = [message for name in fields if (message := _wrong_type(name, fields[name]))]
    if wrong:
        raise UnusableError(Kind.WRONG_TYPE, "; ".join(wrong))
    first_line = first_line_of.setdefault(fields["utterance_id"], line)
    if first_line != line:
        raise UnusableError(Kind.DUPLICATE_ID, f"first seen at line {first_line}")
    if not fields["orthographic_text"].strip():
        raise UnusableError(Kind.EMPTY_TRANSCRIPT, "orthographic_text is empty")
    bucket, size, duration_s = (fields.get(name) for name in ("age_bucket", "filesize_bytes", "audio_duration_sec"))
    return Utterance(
        utterance_id=fields["utterance_id"],
        child_id=fields["child_id"],
        audio_path=folder / fields["audio_path"],
        age_bucket=bucket if bucket in AGE_BUCKETS else "unknown",
        orthographic_text=fields["orthographic_text"],
        duration_s=None if duration_s is None else float(duration_s),
        session_id=fields.get("session_id"),
        md5_hash=fields["md5_hash"].strip().lower() if fields.get("md5_hash") else None,
        filesize_bytes=None if size is None else int(size),
        line=line,
    )


def _wrong_type(name: str, value: Any) -> str | None:
    """What is wrong with a field's value, or None. Unknown fields may hold anything."""
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in _TEXTS and not isinstance(value, str):
        return f"{name} is {value!r:.40}, not a string"
    if name == "audio_path" and "\0" in value:
        return "audio_path holds a null character"
    if name in ("utterance_id", "child_id", "audio_path") and not value.strip():
        return f"{name} is empty"
    if name == "audio_duration_sec" and not (is_number and 0 <= value < 1e9):
        return f"{name} is {value!r:.40}, not a number of seconds"
    if name == "filesize_bytes" and not (is_number and value >= 0 and value == value // 1):
        return f"{name} is {value!r:.40}, not a whole number"
    return None


def _strange_bucket(bucket: Any) -> str:
    what = "there is no age_bucket" if bucket is None else f"{bucket!r:.40} is not one of {', '.join(AGE_BUCKETS)}"
    return f"{what}: scored as unknown, here and wherever else it occurs"
