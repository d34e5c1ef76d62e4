"""The Arrow files of a prepared corpus: a manifest in; shards of 16-bit sound, and counts of what was left out, out.

A shard counts once its JSON stands beside it: a preparation that was stopped goes on after the last such shard.
"""

import hashlib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from raytrain.errors import InputError
from raytrain.files import read_as, sync_file, write_json
from raytrain.speech.examine import Examined, examine
from raytrain.speech.manifest import iterate_manifest
from raytrain.speech.problems import Tally
from raytrain.speech.progress_bar import ProgressCallback

_FIELDS = {name: name for name in ("utterance_id", "child_id", "session_id", "age_bucket")}
_FIELDS["text"] = "orthographic_text"
"""The columns of text, and the field of an utterance that each holds."""
_TEXTS = (*_FIELDS, "sound_digest")
SCHEMA = pa.schema({**dict.fromkeys(_TEXTS, pa.string()), "duration_s": pa.float32(), "samples": pa.list_(pa.int16())})
_DIGEST_BYTES = 8  # two clips among 500,000 share one by chance once in a hundred million corpora
_SHARD_LINES, _SHARD_BYTES = 4096, 2**29
_BATCH_CLIPS, _BATCH_BYTES = 256, 2**25


class TooManyBadError(ValueError):
    """Preparing was given up: more utterances are unusable than is allowed."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally.describe())
        self.tally = tally


def write_shards(
    manifest: Path, folder: Path, *, num_lines: int, most_bad: float, with_texts: bool, progress: ProgressCallback
) -> Tally:
    """Write the shards that are not there yet; the counts over all of them. Gives up once over `most_bad` are bad."""
    tally, done, number = Tally(), 0, 0
    while (finished := _finished(folder, number)) is not None:
        tally, done, number = tally + finished.tally, done + finished.lines, number + 1
    progress(done, num_lines)
    examined = examine(islice(iterate_manifest(manifest, with_texts=with_texts), done, None))
    while True:
        shard = _ShardWriter(_shard(folder, number))
        with shard.stream:
            for item in islice(examined, _SHARD_LINES):
                shard.add(item)
                done += 1
                progress(done, num_lines)
                if tally.num_left_out + shard.tally.num_left_out > most_bad:
                    raise TooManyBadError(tally + shard.tally)
                if shard.num_bytes >= _SHARD_BYTES:
                    break
            shard.write_batch()
        shard.finish()
        if not shard.num_lines:
            return tally
        tally, number = tally + shard.tally, number + 1


def shard_paths(folder: Path) -> list[Path]:
    """All shards of a folder, in order."""
    return sorted(folder.glob("shard-*.arrow"))


class _ShardWriter:
    """One Arrow stream in the making, which counts once it is finished; an empty one leaves no file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.stream = pa.ipc.new_stream(str(path), SCHEMA)
        self._batch: list[Examined] = []
        self._batch_bytes = 0
        self.num_lines = 0
        self.num_bytes = 0
        self.tally = Tally()

    def add(self, item: Examined) -> None:
        """Count a line in, and take up its utterance where it is usable."""
        self.num_lines += 1
        self.tally.add(item.problems)
        if item.utterance is None:
            return
        self.tally.usable += 1
        if item.samples.nbytes >= _BATCH_BYTES:
            self.write_batch()  # so that a long recording is a batch of its own, which needs no copy
        self._batch.append(item)
        self._batch_bytes += item.samples.nbytes
        self.num_bytes += item.samples.nbytes
        if len(self._batch) >= _BATCH_CLIPS or self._batch_bytes >= _BATCH_BYTES:
            self.write_batch()

    def finish(self) -> None:
        """Let the shard count."""
        if not self.num_lines:
            self._path.unlink()
            return
        sync_file(self._path)  # before its JSON says that it is whole
        write_json(self._path.with_suffix(".json"), {"lines": self.num_lines, "tally": self.tally.as_dict()})

    def write_batch(self) -> None:
        """Write what was taken up since the last batch."""
        if not self._batch:
            return
        utterances = [item.utterance for item in self._batch if item.utterance is not None]
        offsets = np.cumsum([0, *(len(item.samples) for item in self._batch)], dtype=np.int32)
        samples = [item.samples for item in self._batch]
        columns = {
            **{column: [getattr(utterance, name) for utterance in utterances] for column, name in _FIELDS.items()},
            "sound_digest": [_digest(item.samples) for item in self._batch],
            "duration_s": np.array([item.duration_s for item in self._batch], np.float32),
            "samples": pa.ListArray.from_arrays(offsets, samples[0] if len(samples) == 1 else np.concatenate(samples)),
        }
        self.stream.write_batch(pa.RecordBatch.from_pydict(columns, schema=SCHEMA))
        self._batch, self._batch_bytes = [], 0


def _shard(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:05d}.arrow"


def _digest(samples: np.ndarray) -> str:
    return hashlib.blake2b(samples.data, digest_size=_DIGEST_BYTES).hexdigest()


@dataclass(frozen=True)
class _Finished:
    """What stands beside a whole shard: its number of manifest lines, and their counts."""

    lines: int
    tally: Tally


def _finished(folder: Path, number: int) -> _Finished | None:
    """A whole shard's counts; None where the shard is not there or not whole."""
    try:
        return read_as(_shard(folder, number).with_suffix(".json"), _Finished)
    except InputError:
        return None
