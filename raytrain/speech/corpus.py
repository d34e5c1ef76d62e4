"""The prepared corpus: a manifest in, memory-mapped 16 kHz sound and its texts out. Made once, shared by all trials."""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from raytrain.errors import InputError
from raytrain.files import ProcessLock, cache_folder, is_full, move, read_as, write_json
from raytrain.speech.audio import to_float
from raytrain.speech.manifest import DEMO_MANIFEST, Utterance, iterate_manifest
from raytrain.speech.problems import Tally
from raytrain.speech.progress_bar import ProgressCallback
from raytrain.speech.shards import SCHEMA, TooManyBadError, shard_paths, write_shards
from raytrain.speech.spellings import joined, several_spellings

logger = logging.getLogger("raytrain")

_FORMAT_VERSION = 2
_DESCRIPTION = "corpus.json"
_MADE_ANEW = "remove the folder, and it is made anew"


@dataclass(frozen=True, slots=True)
class Described:
    """What a prepared corpus says of itself, in corpus.json."""

    format_version: int
    manifest: str
    """The manifest that it was made from, as an absolute path."""
    synthetic: bool
    """Whether it is the demo corpus, made by text-to-speech: a WER on it says nothing about real children."""
    tally: Tally
    """How many utterances were left out, and why; and what was noted."""


class Corpus:
    """Utterances by index, in their manifest's order. The sound stays on disk, mapped; the rest is in memory."""

    synthetic: bool
    """Whether the demo corpus is in it, made by text-to-speech: a WER on it says nothing about real children."""
    problems: Tally
    """How many utterances were left out, and why; and what was noted."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self.own_ids: list[str] = table["utterance_id"].to_pylist()
        """Each utterance's id as its manifest has it."""
        self.utterance_ids = self.own_ids
        """Each utterance's id, another's nowhere."""
        as_written: list[str] = table["child_id"].to_pylist()
        self.spellings = several_spellings(as_written)
        """The children whose id is spelled in several ways, with all of them."""
        self.child_ids = joined(as_written)
        """Each utterance's child, by one spelling: two spellings in two halves would be one child in both."""
        self.age_buckets: list[str] = table["age_bucket"].to_pylist()
        self.texts: list[str] = table["text"].to_pylist()
        self.durations_s: np.ndarray = table["duration_s"].to_numpy()
        self.source_names: tuple[str, ...] = ()
        """What the manifests are called that it was made from; none where it was made from one."""
        self.source_numbers: np.ndarray = np.zeros(len(self), np.int64)
        """Of each utterance, which of those its manifest is."""

    @property
    def twice_heard(self) -> list[int]:
        """The utterances whose very samples are in another of its manifests, too."""
        return []

    @cached_property
    def sound_digests(self) -> list[str]:
        """Of each utterance's samples: the same sound has the same, whatever file it came in."""
        digests: list[str] = self.table["sound_digest"].to_pylist()
        return digests

    @cached_property
    def session_ids(self) -> list[str | None]:
        """Each utterance's session, where the manifest names one."""
        ids: list[str | None] = self.table["session_id"].to_pylist()
        return ids

    def __len__(self) -> int:
        return len(self.utterance_ids)

    def audio(self, index: int) -> np.ndarray:
        """One utterance's sound: float32 in [-1, 1) at 16 kHz, a copy of its own."""
        return to_float(self.samples(index))

    def samples(self, index: int) -> np.ndarray:
        """The same as it is kept, mapped and not copied: int16 at 16 kHz, not to be written to."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"utterance {index} of {len(self)}")
        # datasets' own slice finds the row by bisection, where pyarrow's walks over all batches before it.
        row = self.table.fast_slice(int(index) % len(self), 1)
        samples: np.ndarray = row["samples"].chunk(0).flatten().to_numpy(zero_copy_only=True)
        return samples

    def source(self, index: int) -> str | None:
        """What the manifest of an utterance is called; None where all are of one."""
        return self.source_names[self.source_numbers[index]] if self.source_names else None


class PreparedCorpus(Corpus):
    """The corpus of one manifest, in a folder that `prepare` made."""

    def __init__(self, folder: Path) -> None:
        description = described(folder)
        super().__init__(_open_shards(folder, num_utterances=description.tally.usable))
        self.folder = folder
        self.manifest = Path(description.manifest)
        """The manifest that it was made from."""
        self.synthetic = description.synthetic
        self.problems = description.tally

    def __reduce__(self) -> tuple[Callable[[Path], "PreparedCorpus"], tuple[Path]]:
        return open_corpus, (self.folder,)  # another process maps the same files


def open_corpus(folder: str | Path) -> PreparedCorpus:
    """A corpus that `prepare` made; InputError where there is none, or it is damaged."""
    if not (Path(folder) / _DESCRIPTION).exists():
        raise InputError(f"{folder}: no prepared corpus; make one with `python -m raytrain.data prepare MANIFEST`")
    return PreparedCorpus(Path(folder))


def described(folder: Path) -> Described:
    """What the corpus in this folder says of itself; InputError where it does not."""
    return read_as(folder / _DESCRIPTION, Described, way_out=_MADE_ANEW)


def prepare(
    manifest: Path,
    *,
    max_bad_share: float = 0.02,
    with_texts: bool = True,
    cache: Path | None = None,
    progress: ProgressCallback = lambda done, total: None,
) -> PreparedCorpus:
    """The prepared form of a manifest, made now or found in the cache; a second process waits for the first.

    It is found again only while the manifest, and the size and time of every file it names, stay as they were.
    Unusable utterances are left out and counted; a larger share of them than `max_bad_share` is refused. Without texts
    none needs a transcript: that is a corpus to transcribe.
    """
    manifest = manifest.absolute()
    seen = _survey(manifest, with_texts=with_texts)
    if not seen.num_utterances:
        raise InputError(f"{manifest}: holds no utterances; one JSON object a line is wanted")
    folder = _made(corpora_folder(cache)) / seen.key
    corpus = _found(folder)
    if corpus is None:
        waiting = f"another process is preparing this corpus ({folder.name}); waiting for it"
        with ProcessLock(folder.with_suffix(".lock"), in_use=lambda holder: logger.info(waiting)):
            corpus = _found(folder)  # it may have been made while we waited
            if corpus is None:
                _make(folder, manifest, seen, max_bad_share, with_texts, progress)
                corpus = open_corpus(folder)
    if corpus.problems.bad_share > max_bad_share or not len(corpus):
        raise InputError(_refusal(manifest, corpus.problems, seen.num_utterances, max_bad_share))
    return corpus


def _found(folder: Path) -> PreparedCorpus | None:
    """The corpus that was made in this folder; None where there is none, or a damaged one."""
    if not folder.exists():
        return None
    try:
        return open_corpus(folder)
    except InputError as error:
        logger.info("%s: this prepared corpus is damaged and is made anew", error)
        return None


class _Survey(NamedTuple):
    """What a look at a manifest shows before any sound is read."""

    key: str
    num_lines: int
    """Everything that the manifest's reader gives: utterances, and problems fatal or noted."""
    num_utterances: int


def _survey(manifest: Path, *, with_texts: bool) -> _Survey:
    read_how = "" if with_texts else " without texts"
    known = hashlib.sha256(f"{_FORMAT_VERSION} {manifest}{read_how}\n".encode(errors="surrogateescape"))
    num_lines = num_utterances = 0
    for item in iterate_manifest(manifest, with_texts=with_texts):
        num_lines += 1
        if isinstance(item, Utterance):
            num_utterances += 1
            known.update(f"{_stamp(item.audio_path)}\n".encode())
        else:
            num_utterances += item.fatal
    with manifest.open("rb") as file:
        known.update(hashlib.file_digest(file, "sha256").digest())
    return _Survey(known.hexdigest()[:24], num_lines, num_utterances)


def _make(
    folder: Path, manifest: Path, seen: _Survey, max_bad_share: float, with_texts: bool, progress: ProgressCallback
) -> None:
    """Make a corpus beside its place and move it there at the end: nobody ever sees half a corpus."""
    unfinished = folder.with_suffix(".unfinished")
    most_bad = max_bad_share * seen.num_utterances

    def shards_made() -> Tally:
        unfinished.mkdir(exist_ok=True)
        return write_shards(
            manifest,
            unfinished,
            num_lines=seen.num_lines,
            most_bad=most_bad,
            with_texts=with_texts,
            progress=progress,
        )

    try:
        tally = shards_made()
        if not _is_whole(unfinished, tally):  # what an earlier process had made of it was damaged since
            shutil.rmtree(unfinished)
            tally = shards_made()
        synthetic = manifest == DEMO_MANIFEST.absolute()
        description = Described(_FORMAT_VERSION, str(manifest), synthetic, tally)
        write_json(unfinished / _DESCRIPTION, {**asdict(description), "tally": tally.as_dict()})
        if folder.is_dir():  # a damaged one; who has its files mapped keeps them
            shutil.rmtree(folder)
        move(unfinished, folder)
    except TooManyBadError as error:
        raise InputError(_refusal(manifest, error.tally, seen.num_utterances, max_bad_share)) from None
    except OSError as error:
        way_out = "make room, or name" if is_full(error) else "name"
        raise InputError(
            f"{error.filename or folder.parent}: {os.strerror(error.errno or 0)}; {way_out} a folder on another disk "
            "in RAYTRAIN_CACHE"
        ) from None


def _is_whole(folder: Path, tally: Tally) -> bool:
    try:
        _open_shards(folder, num_utterances=tally.usable)
    except InputError:
        return False
    return True


def _stamp(path: Path) -> tuple[int, int] | None:
    """A file's size and time of change; None where it cannot be asked."""
    try:
        status = os.stat(path)  # noqa: PTH116  # half the time of Path.stat, half a million times
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def corpora_folder(cache: Path | None) -> Path:
    """The folder of prepared corpora, each in a folder of its own."""
    return (cache or cache_folder()).absolute() / "corpora"


def _made(corpora: Path) -> Path:
    way_out = "name a folder you may write to in RAYTRAIN_CACHE"
    try:
        str(corpora).encode()
        corpora.mkdir(parents=True, exist_ok=True)
    except UnicodeEncodeError:
        raise InputError(f"{corpora}: not UTF-8, which Arrow's files need; {way_out}") from None
    except OSError as error:
        raise InputError(f"{corpora}: cannot be made: {error.strerror}; {way_out}") from error
    return corpora


def _refusal(manifest: Path, tally: Tally, num_utterances: int, max_bad_share: float) -> str:
    command = f"`python -m raytrain.data check {manifest}` lists them all"
    if not tally.num_left_out:
        return f"{manifest}: no usable utterance; {command}"
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(tally.left_out.items()))
    share = tally.num_left_out / num_utterances
    first = "; ".join(tally.first)
    return (
        f"{manifest}: {tally.num_left_out} or more of {num_utterances} utterances are unusable ({share:.1%} is over "
        f"data.max_bad_share {max_bad_share:.1%}): {kinds}. First: {first}. {command}; mend them or raise the share"
    )


def _open_shards(folder: Path, *, num_utterances: int) -> Any:
    """The shards as one memory-mapped table; InputError where one of them is missing, cut or anything else."""
    # Imported here: it takes a second or two, and a typo in a configuration shall show sooner.
    from datasets import Dataset, concatenate_datasets

    paths = shard_paths(folder)
    if not all(path.is_file() for path in paths):  # a pipe would be waited for
        raise InputError(f"{folder}: one of its shards is no file; {_MADE_ANEW}")
    try:
        table = concatenate_datasets([Dataset.from_file(str(path)) for path in paths]).data
    except (OSError, ValueError, pa.ArrowException) as error:
        fact = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{folder}: its shards cannot be read ({fact}); {_MADE_ANEW}") from None
    if table.column_names != SCHEMA.names:
        raise InputError(f"{folder}: its shards are of another form; {_MADE_ANEW}")
    if len(table) != num_utterances:  # a stream that was cut between two batches reads as a shorter one
        raise InputError(f"{folder}: {len(table)} of {num_utterances} utterances are there; {_MADE_ANEW}")
    return table
