"""What nodes train on: prepared corpora and weights here in; the same in the storage, and on each node once, out.

A folder goes by the checksum of all that is in it: what lies in the storage already is not sent again, and what a node
has fetched for one trial, or for one study, it has for the next.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from raytrain.config.baseline import Baseline
from raytrain.errors import InputError
from raytrain.files import ProcessLock, as_kind, at_home, make_folder, parse_json, sha256_of, whole_folder
from raytrain.files.s3 import PATIENT, RemoteFolder
from raytrain.trial.inputs import Whereabouts
from raytrain.trial.joining import unseen
from raytrain.whisper.locate import locate

_CONTENTS = "contents.json"
_AT_ONCE = 8
_STOCK = "inputs"


class _Storage(Protocol):
    """Where stock is kept; paths are relative to it."""

    def read(self, path: str) -> bytes | None: ...
    def write(self, path: str, content: bytes) -> None: ...
    def put(self, path: str, source: Path) -> None: ...
    def get(self, path: str, target: Path) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Stock:
    """What was put in the storage."""

    home: str
    """The folder, or the place on S3, that it lies in."""
    folders: Mapping[Path, str]
    """The name there of each prepared corpus."""
    weights: Mapping[str, str]
    """The name there of each model.pretrained."""

    def corpora_at_hand(self, where: Whereabouts) -> Whereabouts:
        """The same corpora on this node, fetched by the first who asks; the others wait for it."""

        def here(corpora: Mapping[str, Path]) -> dict[str, Path]:
            return {name: self._fetched(self.folders[folder]) for name, folder in corpora.items()}

        return replace(
            where,
            corpora=here(where.corpora),
            validation_corpora=here(where.validation_corpora),
            also_corpora=here(where.also_corpora),
        )

    def weights_at_hand(self, pretrained: str) -> Path | None:
        """The folder of these weights on this node; None where they were not put in the storage."""
        name = self.weights.get(pretrained)
        return None if name is None else self._fetched(name)

    def _fetched(self, name: str) -> Path:
        folder = node_cache() / name
        if folder.is_dir():
            return folder
        make_folder(folder.parent)
        with ProcessLock(folder.with_suffix(".lock"), in_use=lambda holder: None):
            if not folder.is_dir():  # it may have come while we waited
                with whole_folder(folder, durable=False) as built:
                    _fetch(_storage(self.home), name, built)
        return folder


def node_cache() -> Path:
    """A folder on a disk of this machine: a lock there is one, and a corpus in it is read in place."""
    own = os.environ.get("RAYTRAIN_NODE_CACHE")
    return at_home(own) if own else Path(tempfile.gettempdir()) / f"raytrain-{os.getuid()}" / "fetched"


def stock_for(config: Baseline, where: Whereabouts, *, folder: Path, pretrained: Iterable[str]) -> Stock | None:
    """What the nodes of the cluster do not see of a run's inputs, in its storage: None where they see all of it.

    InputError where they do not see the storage itself. One on S3 has the inputs in any case: each node then reads them
    from its own disk.
    """
    names = sorted(set(pretrained))
    if config.is_on_s3():
        _require_seen(config, [])
        return put_in_storage(f"{config.storage}/{_STOCK}", where=where, pretrained=names)
    _require_seen(config, [folder])
    parts = (where.corpora, where.validation_corpora, where.also_corpora)
    paths = [path for part in parts for path in part.values()] + [locate(name) for name in names]
    if not unseen(paths):
        return None
    return put_in_storage(str(folder.parent / _STOCK), where=where, pretrained=names)


def _require_seen(config: Baseline, paths: list[Path]) -> None:
    noise = config.augmentation.noise_folder
    needed = {**{str(path): f"storage: {path}" for path in paths}}
    if noise is not None:
        needed[noise] = f"augmentation.noise_folder: {noise}"
    for path, nodes in unseen([Path(path) for path in needed]).items():
        way_out = "name a folder that every node sees" + (", or s3://bucket/prefix" if path != noise else "")
        raise InputError(f"{needed[path]}: not there on {', '.join(nodes)} of the cluster; {way_out}")


def put_in_storage(home: str, *, where: Whereabouts, pretrained: Iterable[str]) -> Stock:
    """Put all that nodes train on into the storage, as far as it is not there; InputError where that cannot be."""
    parts = (where.corpora, where.validation_corpora, where.also_corpora)
    folders = {folder for part in parts for folder in part.values()}
    return Stock(
        home=home,
        folders={folder: _put(_storage(home), folder) for folder in sorted(folders)},
        weights={name: _put(_storage(home), locate(name)) for name in sorted(set(pretrained))},
    )


def _put(storage: _Storage, folder: Path) -> str:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # hashing waits for no other thread of Python
        sums = dict(zip((str(path.relative_to(folder)) for path in paths), pool.map(sha256_of, paths), strict=True))
    contents = json.dumps(sums, sort_keys=True).encode()
    name = hashlib.sha256(contents).hexdigest()[:32]
    if storage.read(f"{name}/{_CONTENTS}") is None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda path: storage.put(f"{name}/{path}", folder / path), sums))
        storage.write(f"{name}/{_CONTENTS}", contents)  # last: with it the folder is whole
    return name


def _fetch(storage: _Storage, name: str, folder: Path) -> None:
    place = f"{name}/{_CONTENTS}"
    contents = storage.read(place)
    if contents is None:
        raise InputError(f"{place}: is gone from the storage; start the run again, which puts it back")
    values = parse_json(contents.decode(), place=place, way_out="remove it, and start the run again")
    sums: dict[str, str] = as_kind(values, dict[str, str], place=place, way_out="remove it, and start the run again")

    def fetch(path: str) -> None:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        storage.get(f"{name}/{path}", target)
        if sha256_of(target) != sums[path]:
            raise InputError(f"{name}/{path}: its bytes in the storage are not those that were put there")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(fetch, sums))


def _storage(home: str) -> _Storage:
    return RemoteFolder(home, attempts=PATIENT) if "://" in home else _Shared(Path(home))


class _Shared:
    """A folder that all nodes see."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def read(self, path: str) -> bytes | None:
        try:
            return (self._home / path).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, path: str, content: bytes) -> None:
        target = self._home / path
        make_folder(target.parent)
        scratch = target.with_name(f".{target.name}.{os.getpid()}")
        scratch.write_bytes(content)
        scratch.rename(target)

    def put(self, path: str, source: Path) -> None:
        target = self._home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)

    def get(self, path: str, target: Path) -> None:
        shutil.copyfile(self._home / path, target)
