"""A Kaldi directory in; its utterances as rows out: `text`, `utt2spk`, `wav.scp`, and `segments` where there is one.

A command in wav.scp is shown and never run. Rows come recording by recording, so that each is decoded once.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from raytrain.errors import InputError
from raytrain.speech.imports.source import Columns, Part, Row
from raytrain.speech.imports.tables import stamp_of
from raytrain.speech.problems import Kind, UnusableError

_TO_THE_END = -1.0
"""What `segments` says where a segment goes to its recording's end."""
_AGES = ("utt2age", "spk2age")


class _Said(NamedTuple):
    line: int
    words: str


@dataclass(frozen=True)
class Kaldi:
    """A directory with wav.scp and text."""

    folder: Path
    split: str | None = None

    @property
    def kind(self) -> str:
        """What it is, in words."""
        return f"Kaldi directory {'with' if self._segments else 'without'} segments"

    @property
    def place(self) -> str:
        return str(self.folder)

    @cached_property
    def columns(self) -> Columns:
        """What the files say, each in its role."""
        fixed = {"id": ("utterance", "text"), "audio": ("wav", "wav.scp"), "text": ("text", "text")}
        if self._said_in("utt2spk") or self._said_in("spk2utt"):
            fixed["speaker"] = ("speaker", "utt2spk" if self._said_in("utt2spk") else "spk2utt")
        if age := next((name for name in _AGES if self._said_in(name)), None):
            fixed["age"] = ("age", age)
        return Columns(tuple(column for column, _ in fixed.values()), fixed=fixed)

    def num_rows(self) -> int:
        """How many utterances there are."""
        return len(self._rows)

    def rows(self, start: int = 0) -> Iterator[Row]:
        """The utterances after the first `start`."""
        return islice(self._rows, start, None)

    def stamp(self) -> str:
        """Sizes and times of change of the files."""
        names = ("wav.scp", "text", "utt2spk", "spk2utt", "segments", *_AGES)
        return stamp_of([self.folder / name for name in names if (self.folder / name).is_file()])

    @cached_property
    def _rows(self) -> list[Row]:
        """All of them: some hundred bytes each, as Kaldi's own tools hold them."""
        texts, wavs, segments = self._said_in("text"), self._wavs, self._segments
        if not texts:
            raise InputError(
                f"{self.folder}: holds no text, or an empty one; transcripts are wanted: `utterance words`"
            )
        cut_from = {utterance: said.words.split()[:1] for utterance, said in segments.items()}
        recordings: dict[str, list[str]] = {}
        for utterance in (segments or wavs) | texts:
            recording = (cut_from.get(utterance) or [""])[0] if segments else utterance
            recordings.setdefault(recording, []).append(utterance)
        return [self._row(name, recording) for recording, names in recordings.items() for name in names]

    def _row(self, utterance: str, recording: str) -> Row:
        said = {name: self._said_in(name).get(utterance) for name in ("text", "segments")}
        line = next((one.line for one in (said["text"], said["segments"], self._wavs.get(utterance)) if one), 1)
        wav = self._wavs.get(recording)
        age = self._said_in("utt2age").get(utterance) or self._said_in("spk2age").get(self._speakers.get(utterance, ""))
        values = {
            "utterance": utterance,
            "wav": None if wav is None else wav.words,
            "text": None if said["text"] is None else said["text"].words,
            "speaker": self._speakers.get(utterance),
            "age": None if age is None else age.words,
        }
        try:
            if self._segments and said["segments"] is None:
                raise UnusableError(Kind.MISSING_FIELD, "not in segments")
            if wav is None:
                raise UnusableError(Kind.MISSING_FILE, f"{recording} is not in wav.scp")
            part = None if said["segments"] is None else _part(said["segments"].words)
        except UnusableError as fault:
            return Row(line, values, self.folder, fault)
        return Row(line, values, self.folder, part=part)

    @cached_property
    def _speakers(self) -> dict[str, str]:
        speakers = {utterance: said.words for utterance, said in self._said_in("utt2spk").items()}
        if not speakers:
            for speaker, said in self._said_in("spk2utt").items():
                speakers |= dict.fromkeys(said.words.split(), speaker)
        return speakers

    @cached_property
    def _wavs(self) -> dict[str, _Said]:
        wavs = self._said_in("wav.scp")
        pipes = [(name, said) for name, said in wavs.items() if said.words.endswith("|") or said.words.startswith("|")]
        if not pipes:
            return wavs
        (name, said), scp = pipes[0], self.folder / "wav.scp"
        run = 'sh -c "${command%|}" < /dev/null > wav/$id.wav'
        loop = f"mkdir -p wav; while read -r id command; do {run}; done < {shlex.quote(str(scp))}"
        raise InputError(
            f"{scp}:{said.line}: {name}: a pipe (`{said.words[:120]}`), {len(pipes)} in all, and none is run here; if "
            f"you trust them, write each to a file, `{loop}`, and name these in wav.scp: `{name} wav/{name}.wav`"
        )

    @property
    def _segments(self) -> dict[str, _Said]:
        return self._said_in("segments")

    def _said_in(self, name: str) -> dict[str, _Said]:
        if name not in self._files:
            self._files[name] = _read(self.folder / name)
        return self._files[name]

    @cached_property
    def _files(self) -> dict[str, dict[str, _Said]]:
        return {}


def _read(path: Path) -> dict[str, _Said]:
    """Each line's first word, and what follows it; {} where there is no such file."""
    said: dict[str, _Said] = {}
    if not path.is_file():
        return said
    try:
        with path.open(encoding="utf-8-sig") as file:
            for line, words in enumerate(file, start=1):
                name, _, rest = words.strip().partition(" ") if "\t" not in words else words.strip().partition("\t")
                if " " in name:  # a tab later in the line
                    name, _, rest = words.strip().partition(" ")
                if name and name in said:
                    raise InputError(f"{path}:{line}: {name} stands in line {said[name].line}, too; take one out")
                if name:
                    said[name] = _Said(line, rest.strip())
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({error.reason}); write it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return said


def _part(words: str) -> Part:
    """What `segments` says behind the utterance, recording, begin and end in seconds, as the part that it is."""
    fields = words.split()
    try:
        start_s, end_s = float(fields[1]), float(fields[2])
    except (ValueError, IndexError):
        raise UnusableError(Kind.WRONG_TYPE, f"segments says {words!r:.60}; `recording begin end` is wanted") from None
    if end_s == _TO_THE_END:
        return Part(start_s, None)
    if not 0 <= start_s < end_s < float("inf"):
        raise UnusableError(Kind.ZERO_LENGTH, f"segments says from {start_s:g} s to {end_s:g} s")
    return Part(start_s, end_s)
