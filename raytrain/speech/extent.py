"""How long the clips of prepared corpora are: manifests in, a few numbers out, in a fraction of a second."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import compute

from raytrain.config.baseline import Data
from raytrain.errors import InputError
from raytrain.files import at_home
from raytrain.speech.corpus import corpora_folder, described
from raytrain.speech.manifest import DEMO_MANIFEST
from raytrain.speech.shards import shard_paths


@dataclass(frozen=True, slots=True)
class Extent:
    """Sizes of a prepared corpus, of its clips up to some length."""

    clips: int
    """How many there are or, where manifests have weights, how many of them an epoch would hear."""
    longest_clip_s: float
    mean_clip_s: float
    longest_text_bytes: int
    mean_text_bytes: float


def extent_of(data: Data, *, longest_s: float) -> Extent | None:
    """The sizes of all manifests to train on together, by their weights. None where one is not there or was not
    prepared yet, and of the demo corpus alone, which shows nothing about anybody's clips."""
    found: list[tuple[Extent, float]] = []
    for source in data.train_sources():
        path = DEMO_MANIFEST if source.manifest == "demo" else at_home(source.manifest)
        sizes = extent(path, longest_s=longest_s) if path.is_file() else None
        if sizes is None:
            return None
        found.append((sizes, source.weight * sizes.clips))
    if data.train_manifest == "demo":
        return None
    clips = sum(heard for _, heard in found)
    return Extent(
        clips=max(1, round(clips)),
        longest_clip_s=max(sizes.longest_clip_s for sizes, _ in found),
        mean_clip_s=sum(heard * sizes.mean_clip_s for sizes, heard in found) / clips,
        longest_text_bytes=max(sizes.longest_text_bytes for sizes, _ in found),
        mean_text_bytes=sum(heard * sizes.mean_text_bytes for sizes, heard in found) / clips,
    )


def extent(manifest: Path, *, longest_s: float, cache: Path | None = None) -> Extent | None:
    """The sizes of clips up to `longest_s`; None where the manifest was not prepared yet, or has changed since."""
    folder = _prepared(manifest.absolute(), corpora_folder(cache))
    paths = shard_paths(folder) if folder is not None else []
    if not paths or not all(path.is_file() for path in paths):  # a pipe would be waited for
        return None
    try:
        tables = [pa.ipc.open_stream(pa.memory_map(str(path))).read_all() for path in paths]
        table = pa.concat_tables(tables).select(["duration_s", "text"])
    except (pa.ArrowException, OSError, KeyError):  # damaged: `prepare` will make it anew
        return None
    durations = table["duration_s"].to_numpy()
    text_bytes = compute.binary_length(table["text"]).to_numpy()
    taken = durations <= longest_s
    if not taken.any():
        return None
    return Extent(
        clips=int(np.count_nonzero(taken)),
        longest_clip_s=float(durations[taken].max()),
        mean_clip_s=float(durations[taken].mean()),
        longest_text_bytes=int(text_bytes[taken].max()),
        mean_text_bytes=float(text_bytes[taken].mean()),
    )


def _prepared(manifest: Path, corpora: Path) -> Path | None:
    """The latest corpus made from this manifest. Whether its sound files are still the same, `prepare` will see."""
    if not manifest.is_file():
        return None
    found = [path for path in corpora.glob("*/corpus.json") if path.stat().st_mtime >= manifest.stat().st_mtime]
    found = [path for path in found if _manifest_of(path.parent) == str(manifest)]
    return max(found, key=lambda path: path.stat().st_mtime).parent if found else None


def _manifest_of(folder: Path) -> str | None:
    """The manifest that a corpus was made from; None where its description is damaged."""
    try:
        return described(folder).manifest
    except InputError:
        return None
