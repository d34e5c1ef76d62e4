"""MANIFEST.json: what an archived run is, where it came from, the sha256 of every file and of itself."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Self

from raytrain.archive.tree import Status, Tree, scan, sha256_of
from raytrain.errors import InputError

FILE_NAME = "MANIFEST.json"
FORMAT = 1


class Damaged(Exception):
    """What is archived is not what was archived; a line for each fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One archived file; `remote` where its bytes lie on S3."""

    sha256: str
    size: int
    mode: int
    mtime_ns: int
    remote: bool = False


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One archived run. Times are ISO 8601 in UTC; `origin` is relative to the project where it lay in it."""

    name: str
    kind: str
    why: str
    replaced_by: str | None
    archived_at: str
    origin: str
    commit: str | None
    versions: dict[str, str | None]
    versions_are_the_runs: bool
    """False where the run does not tell them: then they are those it was archived with."""
    wer_unit: str | None
    """What the person said a foreign run's WER is in: fraction or percent."""
    remote: str | None
    """The s3:// folder of the files that do not lie here."""
    directories: dict[str, Status]
    files: dict[str, KeptFile]
    links: dict[str, str]

    @property
    def size_bytes(self) -> int:
        return sum(file.size for file in self.files.values())

    @property
    def remote_files(self) -> dict[str, KeptFile]:
        return {path: file for path, file in self.files.items() if file.remote}

    @property
    def local_files(self) -> dict[str, KeptFile]:
        return {path: file for path, file in self.files.items() if not file.remote}

    def with_remote(self, remote: str | None, paths: set[str]) -> Self:
        files = {path: replace(file, remote=path in paths) for path, file in self.files.items()}
        return replace(self, remote=remote, files=files)

    def tree(self) -> Tree:
        """The folder that was archived, without its hashes."""
        files = {path: Status(file.mode, file.mtime_ns, file.size) for path, file in self.files.items()}
        return Tree(self.directories, files, self.links)

    def render(self) -> str:
        """The file's text, which ends in the sha256 of the same text without it."""
        values = _values(self)
        return _text(values | {"sha256": hashlib.sha256(_text(values).encode()).hexdigest()})

    @classmethod
    def parse(cls, text: str) -> Self:
        """The manifest that has this text; any other text, by one byte, is Damaged."""
        try:
            values = json.loads(text)
            del values["sha256"]
            if values.pop("format") > FORMAT:
                raise Damaged([f"{FILE_NAME}: written by a newer raytrain; use that version"])
            directories = {path: Status(**value) for path, value in values.pop("directories").items()}
            files = {path: KeptFile(**value) for path, value in values.pop("files").items()}
            found = cls(**values, directories=directories, files=files)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Damaged([f"{FILE_NAME}: truncated or not a manifest ({error})"]) from None
        if found.render() != text:
            raise Damaged([f"{FILE_NAME}: edited: its sha256 is not that of its text"])
        for path in [*found.directories, *found.files, *found.links, found.name]:
            if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                raise Damaged([f"{FILE_NAME}: {path}: leads out of the archive"])
        return found


def hashed(folder: Path, tree: Tree) -> dict[str, KeptFile]:
    """The tree's files with the sha256 of each."""
    return {path: KeptFile(sha256_of(folder / path), **asdict(status)) for path, status in tree.files.items()}


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an archived run's folder; one that is missing or not whole is Damaged."""
    try:
        return Manifest.parse((folder / FILE_NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Damaged([f"{FILE_NAME}: missing"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Damaged([f"{FILE_NAME}: cannot be read ({error})"]) from None


def faults(folder: Path, manifest: Manifest, *, archived: bool = True) -> Iterator[str]:
    """Where a folder differs from its manifest in content, names or links: each path with its fact.

    In the archive the manifest itself lies there too, and what is on S3 does not.
    """
    try:
        found = scan(folder)
    except InputError as error:
        yield str(error)
        return
    expected = manifest.local_files if archived else manifest.files
    own = {FILE_NAME} if archived else set()
    for path, file in expected.items():
        if path not in found.files:
            yield f"{path}: missing"
        elif found.files[path].size != file.size:
            yield f"{path}: {found.files[path].size} bytes, {file.size} were archived"
        elif sha256_of(folder / path) != file.sha256:
            yield f"{path}: its bytes are not those that were archived"
    for path in sorted(set(found.files) - set(expected) - own):
        yield f"{path}: not archived with the run"
    for path in sorted(set(manifest.directories) - set(found.directories)):
        yield f"{path}/: missing"
    for path in sorted(set(found.directories) - set(manifest.directories)):
        yield f"{path}/: not archived with the run"
    for path in sorted(set(manifest.links) | set(found.links)):
        if manifest.links.get(path) != found.links.get(path):
            yield f"{path}: a link to {found.links.get(path)}, to {manifest.links.get(path)} when it was archived"


def _values(manifest: Manifest) -> dict[str, Any]:
    values = asdict(manifest)
    for path, file in values["files"].items():
        if not file["remote"]:
            values["files"][path] = {key: value for key, value in file.items() if key != "remote"}
    return {"format": FORMAT} | values


def _text(values: dict[str, Any]) -> str:
    # Escaped, so that a file's name that is no UTF-8 can be told; one key a line, so that git shows what changed.
    return json.dumps(values, ensure_ascii=True, allow_nan=False, indent=1) + "\n"
