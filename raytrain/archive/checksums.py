"""MANIFEST.json: an archived run in; what it is, whence it came, the sha256 of all files and of itself, out."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Self

from pydantic import Field

from raytrain.archive.kept import require_kind, text_of
from raytrain.archive.tree import Mode, Moment, Status, Tree, one_line, scan
from raytrain.errors import Damaged, InputError
from raytrain.files import sha256_of
from raytrain.files.s3 import RemoteFolder

FILE_NAME = "MANIFEST.json"
FORMAT = 1
_WEIGHTS = {".safetensors", ".pt", ".pth", ".bin", ".ckpt"}
_READ_HERE = {".json", ".jsonl", ".yaml", ".md", ".txt", ".html"}
_LARGE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One archived file: its hash, size, mode and time, and whether its bytes lie on S3."""

    sha256: str
    size: Annotated[int, Field(ge=0)]
    mode: Mode
    mtime_ns: Moment
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
    """Versions of Python and packages, as the run recorded them; empty where it did not."""
    wer_unit: str | None
    """The unit of a foreign run's WER as the person gave it: fraction or percent."""
    remote: str | None
    """The s3:// folder of the files that do not lie in the archive."""
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

    def with_remote(self, remote: str) -> Self:
        """This manifest with weights, and any other large file that nobody reads as it is, marked as on S3."""
        files = {path: replace(file, remote=_is_for_s3(path, file.size)) for path, file in self.files.items()}
        return replace(self, remote=remote, files=files)

    def tree(self) -> Tree:
        """The folder that was archived, without its hashes."""
        files = {path: Status(file.mode, file.mtime_ns, file.size) for path, file in self.files.items()}
        return Tree(self.directories, files, self.links)

    def render(self) -> str:
        """The file's text, which ends in the sha256 of the same text without it."""
        values = asdict(self)
        for file in values["files"].values():
            if not file["remote"]:
                del file["remote"]
        return _signed({"format": FORMAT} | values)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The manifest that has this text, of this raytrain or an older one; other text, by one byte, is Damaged."""
        try:
            values = json.loads(text)
            del values["sha256"]
            if values["format"] > FORMAT:
                raise Damaged([f"{FILE_NAME}: written by a newer raytrain; use that version"])
            is_whole = _signed(values) == text
            require_kind(values, cls, place=FILE_NAME, way_out="restore it from a copy")
            own = {key: value for key, value in values.items() if key in {field.name for field in fields(cls)}}
            own["directories"] = {path: Status(**value) for path, value in own["directories"].items()}
            own["files"] = {path: KeptFile(**value) for path, value in own["files"].items()}
            found = cls(**own)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise Damaged([f"{FILE_NAME}: truncated or not a manifest ({error})"]) from None
        if not is_whole:
            raise Damaged([f"{FILE_NAME}: edited: its sha256 is not that of its text"])
        for path in [*found.directories, *found.files, *found.links, found.name]:
            if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                raise Damaged([f"{FILE_NAME}: {path}: leads out of the archive"])
        return found


def hashed(folder: Path, tree: Tree) -> dict[str, KeptFile]:
    """The tree's files with the sha256 of each."""
    return {path: KeptFile(sha256_of(folder / path), **asdict(status)) for path, status in tree.files.items()}


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an archived run's folder; one that is missing, not whole or another run's is Damaged."""
    found = read_manifest_file(folder / FILE_NAME)
    if found.name != folder.name:
        raise Damaged([f"{FILE_NAME}: of {found.name}, in the folder of {folder.name}"])
    return found


def read_manifest_file(path: Path) -> Manifest:
    """The manifest in this file, wherever a move has put it; one that is missing or not whole is Damaged."""
    try:
        return Manifest.parse(text_of(path))
    except FileNotFoundError:
        raise Damaged([f"{FILE_NAME}: missing"]) from None
    except InputError as error:
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
    sizes = {path: status.size for path, status in found.files.items() if not (archived and path == FILE_NAME)}
    expected = manifest.local_files if archived else manifest.files
    yield from _differences(expected, sizes, lambda path: sha256_of(folder / path))
    for path in sorted(set(manifest.directories) - set(found.directories)):
        yield f"{path}/: missing"
    for path in sorted(set(found.directories) - set(manifest.directories)):
        yield f"{path}/: not archived with the run"
    for path in sorted(set(manifest.links) | set(found.links)):
        if manifest.links.get(path) != found.links.get(path):
            yield f"{path}: a link to {found.links.get(path)}, to {manifest.links.get(path)} when it was archived"


def remote_faults(manifest: Manifest) -> list[str]:
    """Where S3 differs from the manifest, every byte read; none where nothing lies there."""
    if manifest.remote is None:
        return []
    remote = RemoteFolder(manifest.remote)
    found = _differences(manifest.remote_files, remote.sizes(), remote.sha256_of)
    return [f"{manifest.remote}/{fault}" for fault in found]


def _differences(
    expected: Mapping[str, KeptFile], sizes: Mapping[str, int], sha256: Callable[[str], str]
) -> Iterator[str]:
    """Each file that is not as it was archived; `sizes` has those that are there, `sha256` reads one of them."""
    for path, file in expected.items():
        if path not in sizes:
            yield f"{path}: missing"
        elif sizes[path] != file.size:
            yield f"{path}: {sizes[path]} bytes, {file.size} were archived"
        else:
            try:
                if sha256(path) != file.sha256:
                    yield f"{path}: its bytes are not those that were archived"
            except OSError as error:
                yield f"{path}: {error.strerror}"
    for path in sorted(set(sizes) - set(expected)):
        yield f"{path}: not archived with the run"


def _is_for_s3(name: str, size_bytes: int) -> bool:
    """Whether a file goes to S3. Logs and texts are read where they are; S3 takes no name that cannot be spelled."""
    path = Path(name)
    read_here = path.name == "training_args.bin" or "events.out.tfevents" in path.name or path.suffix in _READ_HERE
    if read_here or one_line(name) != name:
        return False
    return path.suffix in _WEIGHTS or size_bytes >= _LARGE_BYTES


def _signed(values: dict[str, Any]) -> str:
    return _text(values | {"sha256": hashlib.sha256(_text(values).encode()).hexdigest()})


def _text(values: dict[str, Any]) -> str:
    # Escaped, so that a file's name that is no UTF-8 can be written; one key a line, so that git shows what changed.
    return json.dumps(values, ensure_ascii=True, allow_nan=False, indent=1) + "\n"
