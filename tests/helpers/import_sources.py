"""The same clips in every form that people keep speech data in; what came of an import, to be compared."""

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from raytrain.speech.corpus import Corpus
from raytrain.speech.imports.kinds import open_source
from raytrain.speech.imports.plan import planned
from raytrain.speech.imports.write import Imported, write

TEXTS = ("the dog runs", "I said no", 'he said "go", and went', "null", "10", "naïve Zoë", "she's under the table")
AGES = (3, 5, 8, 12, 17)


@dataclass(frozen=True)
class Clip:
    """One utterance."""

    name: str
    child: str
    age: int
    text: str
    sound: np.ndarray
    rate: int = 16_000


def clips(number: int = 60) -> list[Clip]:
    """Clips of a fifth of a second and more, each with a sound of its own; children 000 to 006, of several ages."""
    noise = np.random.default_rng(0)
    made = []
    for index in range(number):
        seconds = 0.2 + 0.01 * (index % 7)
        sound = noise.integers(-9_000, 9_000, round(seconds * 16_000), np.int16)
        child = index % 7
        made.append(Clip(f"clip{index:03d}", f"{child:03d}", AGES[child % 5], f"{TEXTS[child]} {index}", sound))
    return made


def written(folder: Path, made: Iterable[Clip], suffix: str = ".flac") -> list[Path]:
    """Each clip as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for clip in made:
        paths.append(folder / f"{clip.name}{suffix}")
        soundfile.write(paths[-1], clip.sound, clip.rate, subtype=None if suffix == ".mp3" else "PCM_16")
    return paths


def table(path: Path, rows: list[dict[str, Any]], **how: Any) -> Path:
    """Rows as CSV; `how` goes to csv.DictWriter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = how.pop("encoding", "utf-8")
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), **how)
        writer.writeheader()
        writer.writerows(rows)
    return path


def audiofolder_csv(folder: Path, made: list[Clip]) -> Path:
    written(folder / "train", made)
    rows = [
        {"file_name": f"{one.name}.flac", "transcription": one.text, "speaker_id": one.child, "age": one.age}
        for one in made
    ]
    table(folder / "train" / "metadata.csv", rows)
    return folder


def audiofolder_jsonl(folder: Path, made: list[Clip]) -> Path:
    written(folder / "sound", made, ".wav")
    lines = [
        {"file_name": f"sound/{one.name}.wav", "text": one.text, "speaker": one.child, "age": f"{one.age} years"}
        for one in made
    ]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def common_voice(folder: Path, made: list[Clip], suffix: str = ".flac") -> Path:
    """A language's folder, its TSV with the sentences' own quotes as they are."""
    written(folder / "clips", made, suffix)
    columns = [
        "client_id",
        "path",
        "sentence_id",
        "sentence",
        "up_votes",
        "down_votes",
        "age",
        "gender",
        "accents",
        "locale",
    ]
    lines = ["\t".join(columns)]
    for one in made:
        values = [one.child, f"{one.name}{suffix}", "s", one.text, "2", "0", str(one.age), "", "", "en"]
        lines.append("\t".join(values))
    for split in ("validated", "dev"):
        (folder / f"{split}.tsv").write_text("\n".join(lines if split == "validated" else lines[:3]) + "\n")
    (folder / "clip_durations.tsv").write_text("clip\tduration[ms]\nclip000.flac\t200\n")
    return folder


def with_bytes(made: list[Clip], suffix: str = ".flac") -> datasets.Dataset:
    """A data set with an Audio column of bytes."""
    held = [{"bytes": encoded(one, suffix), "path": f"{one.name}{suffix}"} for one in made]
    features = datasets.Features(
        {
            "audio": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
            "sentence": datasets.Value("string"),
            "client_id": datasets.Value("string"),
            "age": datasets.Value("int64"),
        }
    )
    columns = {
        "audio": held,
        "sentence": [one.text for one in made],
        "client_id": [one.child for one in made],
        "age": [one.age for one in made],
    }
    made_of_bytes = datasets.Dataset.from_dict(columns, features=features)
    return made_of_bytes.cast_column("audio", datasets.Audio(decode=False))


def encoded(one: Clip, suffix: str = ".flac") -> bytes:
    """A clip as the bytes of a file."""
    file = io.BytesIO()
    soundfile.write(file, one.sound, one.rate, format=suffix[1:].upper(), subtype="PCM_16")
    return file.getvalue()


def parquet(folder: Path, made: list[Clip]) -> Path:
    """The form of a hub's data set: several shards of a split."""
    (folder / "data").mkdir(parents=True)
    whole = with_bytes(made)
    half = len(made) // 2
    for number, rows in enumerate((range(half), range(half, len(made)))):
        whole.select(rows).to_parquet(str(folder / "data" / f"train-{number:05d}-of-00002.parquet"))
    return folder


def saved(folder: Path, made: list[Clip]) -> Path:
    with_bytes(made, ".wav").save_to_disk(str(folder))
    return folder


def semicolons(folder: Path, made: list[Clip]) -> Path:
    """What a German Excel writes: semicolons, a byte order mark, CRLF."""
    written(folder / "wavs", made, ".wav")
    rows = [
        {"Filename": one.name, "Transcript": one.text, "Child ID": one.child, "Age": one.age, "Id": one.name}
        for one in made
    ]
    return table(folder / "list.csv", rows, delimiter=";", encoding="utf-8-sig", lineterminator="\r\n")


def kaldi(folder: Path, made: list[Clip], *, segments: bool = True) -> Path:
    """With segments there are two recordings, and each clip is a part of one."""
    folder.mkdir(parents=True)
    if segments:
        lines = []
        for recording in range(2):
            sound, at = [np.zeros(160, np.int16)], 0.01
            for one in made[recording::2]:
                seconds = len(one.sound) / one.rate
                lines.append(f"{one.name} rec{recording} {at:.5f} {at + seconds:.5f}")
                sound += [one.sound, np.zeros(160, np.int16)]
                at += seconds + 0.01
            soundfile.write(folder / f"rec{recording}.flac", np.concatenate(sound), 16_000, subtype="PCM_16")
        (folder / "segments").write_text("".join(f"{line}\n" for line in sorted(lines)))
        wavs = [f"rec{recording} rec{recording}.flac" for recording in range(2)]
    else:
        wavs = [f"{one.name} wav/{path.name}" for one, path in zip(made, written(folder / "wav", made), strict=True)]
    (folder / "wav.scp").write_text("".join(f"{line}\n" for line in wavs))
    for name, value in {"text": "text", "utt2spk": "child", "utt2age": "age"}.items():
        (folder / name).write_text("".join(f"{one.name} {getattr(one, value)}\n" for one in made))
    (folder / "spk2gender").write_text("000 f\n001 m\n")
    (folder / "utt2dur").write_text("".join(f"{one.name} {len(one.sound) / one.rate:.2f}\n" for one in made))
    return folder


def json_lines(folder: Path, made: list[Clip]) -> Path:
    """As NeMo has it, with paths from the table's folder."""
    written(folder / "audio", made)
    lines = [
        {"audio_filepath": f"audio/{one.name}.flac", "text": one.text, "speaker": one.child, "age": one.age}
        for one in made
    ]
    path = folder / "train.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


SOURCES: dict[str, Callable[[Path, list[Clip]], Path]] = {
    "audiofolder, metadata.csv": audiofolder_csv,
    "audiofolder, metadata.jsonl": audiofolder_jsonl,
    "Common Voice TSV": common_voice,
    "Parquet with bytes": parquet,
    "save_to_disk": saved,
    "CSV": semicolons,
    "Kaldi with segments": kaldi,
    "JSON lines": json_lines,
}


def without_speakers(path: Path, made: list[Clip]) -> Path:
    """Parquet of bytes and texts alone."""
    whole = with_bytes(made).remove_columns(["client_id"])
    pq.write_table(pa.Table.from_batches(whole.data.to_batches()), path)
    return path


def imported(source: Path | str, to: Path, *, split: str | None = None, share: float = 0.02, **named: str) -> Imported:
    """Import as the door does; `each_its_own_speaker=...` among what is named says that nobody's speaker is known."""
    each_its_own = named.pop("each_its_own_speaker", "") != ""
    plan = planned(open_source(str(source), split=split), named, each_its_own_speaker=each_its_own)
    return write(plan, to, max_bad_share=share)


def lines_of(to: Path) -> list[dict[str, Any]]:
    """The lines of an import's manifest."""
    return [json.loads(line) for line in (to / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]


def held(corpus: Corpus) -> list[tuple[str, str, str, bytes]]:
    """Text, child, age bucket and samples of every utterance, in an order of the texts."""
    columns = (corpus.texts, corpus.child_ids, corpus.age_buckets)
    sounds = [np.round(corpus.audio(index) * 32_768).astype(np.int16).tobytes() for index in range(len(corpus))]
    return sorted(zip(*columns, sounds, strict=True))
