"""The same clips in eight forms become the same prepared corpus: texts, children, age buckets and every sample."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
import soxr
from import_sources import (
    SOURCES,
    Clip,
    audiofolder_csv,
    clips,
    common_voice,
    held,
    imported,
    lines_of,
    parquet,
    saved,
    table,
    with_bytes,
    written,
)

from raytrain.speech.corpus import prepare
from raytrain.speech.imports.hub import Streamed
from raytrain.speech.imports.plan import planned
from raytrain.speech.imports.tables import Tables
from raytrain.speech.imports.write import write

MADE = clips()
datasets.disable_progress_bars()


@pytest.mark.parametrize("form", SOURCES.values(), ids=SOURCES)
def test_each_form_of_the_same_clips_becomes_the_same_corpus(form: Callable[..., Path], tmp_path: Path) -> None:
    imported(form(tmp_path / "source", MADE), tmp_path / "my")
    corpus = prepare(tmp_path / "my" / "manifest.jsonl", max_bad_share=0, cache=tmp_path / "cache")
    buckets = {3: "3-4", 5: "5-7", 8: "8-11", 12: "12+", 17: "12+"}
    wanted = sorted((one.text, one.child, buckets[one.age], one.sound.tobytes()) for one in MADE)
    assert held(corpus) == wanted


def test_sound_inside_a_source_is_resampled_by_its_own_rate_and_mixed(tmp_path: Path) -> None:
    """The rate that a column of sound declares says how `datasets` would decode it, not what the bytes are."""
    at = np.arange(44_100) / 44_100
    tone = 0.4 * np.sin(2 * np.pi * 300 * at)
    stereo = np.round(32_767 * np.stack([tone, tone / 2], axis=1)).astype(np.int16)
    whole = with_bytes([replace(MADE[0], sound=stereo, rate=44_100)], ".wav")
    whole.cast_column("audio", datasets.Audio(decode=False, sampling_rate=16_000)).to_parquet(tmp_path / "one.parquet")
    imported(tmp_path / "one.parquet", tmp_path / "my")
    written, rate = soundfile.read(tmp_path / "my" / lines_of(tmp_path / "my")[0]["audio_path"])
    assert (rate, written.ndim, soundfile.info(next((tmp_path / "my").rglob("*.flac"))).subtype) == (
        16_000,
        1,
        "PCM_16",
    )
    assert np.abs(written - soxr.resample(0.75 * tone, 44_100, 16_000)).max() < 1e-3


def test_an_arrow_file_is_read_as_a_parquet_is(tmp_path: Path) -> None:
    whole = with_bytes(MADE[:8]).data.table
    with pa.OSFile(str(tmp_path / "whole.arrow"), "wb") as file, pa.ipc.new_file(file, whole.schema) as writer:
        writer.write_table(whole, max_chunksize=3)
    imported(tmp_path / "whole.arrow", tmp_path / "my")
    assert [line["orthographic_text"] for line in lines_of(tmp_path / "my")] == [one.text for one in MADE[:8]]


def test_rows_after_any_number_of_rows_are_those_that_follow(tmp_path: Path) -> None:
    """However they lie in row groups and batches, and in files one after another."""
    whole = pa.table({"path": [f"{number}.wav" for number in range(8)]})
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as file, pa.ipc.new_stream(file, whole.schema) as writer:
        writer.write_table(whole, max_chunksize=3)
    pq.write_table(whole, tmp_path / "b.parquet", row_group_size=3)
    table(tmp_path / "c.csv", whole.to_pylist())
    files = [tmp_path / name for name in ("a.arrow", "b.parquet", "c.csv")]
    source = Tables(str(tmp_path), files)
    wanted = [f"{number}.wav" for _ in files for number in range(8)]
    assert source.num_rows() == 24
    found = [[(row.number, row.values["path"]) for row in source.rows(start)] for start in range(25)]
    assert found == [list(enumerate(wanted, start=1))[start:] for start in range(25)]


def test_samples_with_their_rate_are_sound_too(tmp_path: Path) -> None:
    sound = {"array": (MADE[0].sound / 32_768).tolist(), "sampling_rate": 16_000, "path": "a.wav"}
    row = {"audio": sound, "text": "hi", "speaker": "c"}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "one.parquet")
    imported(tmp_path / "one.parquet", tmp_path / "my")
    samples, _ = soundfile.read(next((tmp_path / "my").rglob("*.flac")), dtype="int16")
    assert np.array_equal(samples, MADE[0].sound)


def test_mp3_clips_beside_a_common_voice_tsv_are_referred_to(tmp_path: Path) -> None:
    folder = common_voice(tmp_path / "de", MADE[:6], ".mp3")
    imported(folder, tmp_path / "my")
    assert {Path(line["audio_path"]) for line in lines_of(tmp_path / "my")} == set((folder / "clips").glob("*.mp3"))
    assert not list((tmp_path / "my").rglob("*.flac"))


def test_a_name_for_a_class_is_read_by_its_name(tmp_path: Path) -> None:
    whole = with_bytes(MADE[:4]).remove_columns(["age"]).add_column("age", [0, 1, 1, 0])
    whole = whole.cast_column("age", datasets.ClassLabel(names=["teens", "3"]))
    whole.to_parquet(tmp_path / "one.parquet")
    imported(tmp_path / "one.parquet", tmp_path / "my")
    assert [line["age_bucket"] for line in lines_of(tmp_path / "my")] == ["12+", "3-4", "3-4", "12+"]


def streamed(folder: Path, to: Path, split: str | None = None) -> list[Clip]:
    """What the path of the hub makes of a folder of the same form, text by text."""
    write(planned(Streamed(str(folder), split, None), {}), to)
    made = []
    for line in lines_of(to):
        sound, _ = soundfile.read(to / line["audio_path"], dtype="int16")
        made.append(Clip(line["utterance_id"], line["child_id"], 0, line["orthographic_text"], sound))
    return made


def test_a_data_set_as_the_hub_has_it_streams_to_the_same_sound(tmp_path: Path) -> None:
    found = streamed(parquet(tmp_path / "source", MADE), tmp_path / "my", "train")
    assert [(one.name, one.child, one.text, one.sound.tobytes()) for one in found] == [
        (one.name, one.child, one.text, one.sound.tobytes()) for one in MADE
    ]


def test_a_csv_that_streams_has_texts_alone(tmp_path: Path) -> None:
    (sound,) = written(tmp_path / "clips", MADE[:1])
    rows = [{"path": str(sound), "text": "null", "speaker": "007", "id": f"{number:03d}"} for number in range(2)]
    table(tmp_path / "source" / "data" / "train.csv", rows)
    write(planned(Streamed(str(tmp_path / "source"), None, None), {}), tmp_path / "my")
    found = [(line["utterance_id"], line["child_id"], line["orthographic_text"]) for line in lines_of(tmp_path / "my")]
    assert found == [("000", "007", "null"), ("001", "007", "null")]


def test_a_stream_that_was_imported_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(Streamed(str(parquet(tmp_path / "source", MADE)), None, None), {})
    write(plan, tmp_path / "my")
    monkeypatch.setattr(Streamed, "rows", lambda self, start=0: 1 // 0)
    assert write(plan, tmp_path / "my").was_whole


def test_a_packed_audiofolder_streams_out_of_its_archive(tmp_path: Path) -> None:
    import zipfile

    (tmp_path / "source").mkdir()
    with zipfile.ZipFile(tmp_path / "source" / "train.zip", "w") as packed:
        for path in (audiofolder_csv(tmp_path / "loose", MADE[:6]) / "train").iterdir():
            packed.write(path, path.name)
    imported(tmp_path / "source", tmp_path / "my")
    sounds = [
        soundfile.read(tmp_path / "my" / line["audio_path"], dtype="int16")[0] for line in lines_of(tmp_path / "my")
    ]
    assert [sound.tobytes() for sound in sounds] == [one.sound.tobytes() for one in MADE[:6]]


def test_sound_that_is_a_path_in_a_data_set_starts_from_its_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", MADE[0].sound, 16_000)
    row = {"audio": {"bytes": None, "path": "a.wav"}, "text": "hi", "speaker": "c"}
    schema = pa.schema(
        {"audio": pa.struct({"bytes": pa.binary(), "path": pa.string()}), "text": pa.string(), "speaker": pa.string()}
    )
    pq.write_table(pa.Table.from_pylist([row], schema), tmp_path / "one.parquet")
    imported(tmp_path / "one.parquet", tmp_path / "my")
    assert lines_of(tmp_path / "my")[0]["audio_path"] == str(tmp_path / "a.wav")


def test_a_saved_data_set_with_a_file_missing_is_named(tmp_path: Path) -> None:
    folder = saved(tmp_path / "source", MADE[:4])
    next(folder.glob("*.arrow")).unlink()
    with pytest.raises(ValueError, match=r"data-00000-of-00001\.arrow: there is no such file of it"):
        imported(folder, tmp_path / "my")


def test_a_cut_parquet_is_named_in_one_line(tmp_path: Path) -> None:
    file = io.BytesIO()
    with_bytes(MADE[:4]).to_parquet(file)
    (tmp_path / "one.parquet").write_bytes(file.getvalue()[:-40])
    with pytest.raises(ValueError, match=r"one\.parquet: cannot be read as Parquet: ") as refused:
        imported(tmp_path / "one.parquet", tmp_path / "my")
    assert "\n" not in str(refused.value)
