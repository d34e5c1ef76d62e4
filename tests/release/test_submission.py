"""submission.zip, unpacked and run as the challenge does, in a process without raytrain's help."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from exported_runs import inputs_for

from raytrain.config.baseline import WINDOWS, Window
from raytrain.release import submission_main
from raytrain.release.average import score
from raytrain.release.export import Exported, export
from raytrain.release.runs import KeptRun, find_run
from raytrain.release.transcriber import ClipPart, WindowedWhisper, in_batches, parts_of, resampled, transcribe
from raytrain.whisper.hearing import most_new_tokens
from raytrain.whisper.window import fitted_seconds, frames


@pytest.fixture(scope="module")
def run(fit: Path) -> KeptRun:
    return find_run(fit)


@pytest.fixture(scope="module")
def exported(run: KeptRun, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    to = tmp_path_factory.mktemp("exported") / "new"
    return export(run, to=to, form="submission", say=print, num_proved=2)


@pytest.fixture(scope="module")
def unpacked(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the challenge's machine has it: src/ with what was in the zip; data/ and submission/ come beside it."""
    place = tmp_path_factory.mktemp("code_execution")
    zipfile.ZipFile(exported.folder / "submission.zip").extractall(place / "src")
    return place


def clip(run: KeptRun, index: int) -> np.ndarray:
    return inputs_for(run.config).corpus.audio(index)


ODD = ("missing", "empty", "noise", "header_only", "cut")


@pytest.fixture(scope="module")
def outcome(run: KeptRun, unpacked: Path) -> dict[str, Any]:
    """Clips of the demo corpus, one again at 48 kHz in stereo, one too long for a window, and files of no sound."""
    audio = unpacked / "data" / "audio"
    audio.mkdir(parents=True)
    for index in range(3):
        soundfile.write(audio / f"clip{index}.flac", clip(run, index), 16_000)
    stereo = np.stack([resampled_to_48_khz(clip(run, 0))] * 2, axis=1)
    soundfile.write(audio / "stereo.flac", stereo, 48_000)
    long = np.concatenate([clip(run, index) for index in range(24)])[: 40 * 16_000]
    soundfile.write(audio / "long.flac", long, 16_000)
    (audio / "empty.flac").touch()
    (audio / "noise.flac").write_bytes(bytes(range(256)) * 40)
    soundfile.write(audio / "header_only.flac", np.zeros(0), 16_000)
    (audio / "cut.flac").write_bytes((audio / "clip1.flac").read_bytes()[:300])
    names = ["clip0", "clip1", "clip2", "stereo", "long", *ODD]
    lines = [json.dumps({"utterance_id": f"U_{name}", "audio_path": f"audio/{name}.flac"}) for name in names]
    (unpacked / "data" / "utterance_metadata.jsonl").write_text("\n".join(lines) + "\n")
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "RAYTRAIN_MODELS")}
    done = subprocess.run(
        [sys.executable, "-I", "-c", _NO_RAYTRAIN],
        cwd=unpacked, env=environment | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = (unpacked / "submission" / "submission.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in written]
    texts = {row["utterance_id"]: row["orthographic_text"] for row in rows}
    return {"names": names, "rows": rows, "texts": texts, "log": done.stderr}


_NO_RAYTRAIN = """
import runpy, socket, sys

def refuse(*arguments, **named):
    raise AssertionError("the submission asked for the network")

socket.socket.connect = refuse
runpy.run_path("src/main.py", run_name="__main__")
foreign = {"raytrain", "jiwer", "datasets", "pydantic", "ray"} & set(sys.modules)
assert not foreign, foreign
"""


def resampled_to_48_khz(sound: np.ndarray) -> np.ndarray:
    spectrum = np.fft.rfft(sound)
    return 3 * np.fft.irfft(np.pad(spectrum, (0, 3 * len(sound) // 2 + 1 - len(spectrum))), 3 * len(sound))


def test_every_utterance_gets_a_line_in_the_metadatas_order(outcome: dict[str, Any]) -> None:
    assert [row["utterance_id"] for row in outcome["rows"]] == [f"U_{name}" for name in outcome["names"]]
    assert [set(row) for row in outcome["rows"]] == [{"utterance_id", "orthographic_text"}] * len(outcome["rows"])


def test_the_texts_are_those_of_raytrains_evaluation(outcome: dict[str, Any], run: KeptRun, unpacked: Path) -> None:
    config = run.config.model_copy(update={"evaluation": run.config.evaluation.model_copy(update={"num_beams": 2})})
    corpus = inputs_for(config).corpus
    ours = score(unpacked / "src" / "model", config, corpus, [0, 1, 2], max_new_tokens=20).utterances
    assert [outcome["texts"][f"U_clip{index}"] for index in range(3)] == [row["hypothesis"] for row in ours]


def test_another_sample_rate_and_a_second_channel_change_no_word(outcome: dict[str, Any]) -> None:
    assert outcome["texts"]["U_stereo"] == outcome["texts"]["U_clip0"]


def test_a_clip_too_long_for_one_window_is_transcribed_in_parts(outcome: dict[str, Any]) -> None:
    assert len(outcome["texts"]["U_long"].split()) > 2 * len(outcome["texts"]["U_clip0"].split())


@pytest.mark.parametrize("name", ODD)
def test_what_cannot_be_heard_gets_an_empty_text(name: str, outcome: dict[str, Any]) -> None:
    assert outcome["texts"][f"U_{name}"] == ""


def test_the_log_names_the_file_that_could_not_be_read(outcome: dict[str, Any]) -> None:
    assert "noise.flac" in outcome["log"]
    assert "10 lines written, 5 of them without words" in outcome["log"]


def test_the_zip_holds_main_py_at_its_root_and_the_model(exported: Exported) -> None:
    names = set(zipfile.ZipFile(exported.folder / "submission.zip").namelist())
    assert {"main.py", "model/model.safetensors", "model/raytrain.json", "model/tokenizer.json"} <= names
    assert [path.name for path in exported.folder.iterdir()] == ["submission.zip"]


def test_it_leaves_when_its_main_alone_hears_what_raytrain_hears(exported: Exported) -> None:
    assert exported.proof is not None
    assert (exported.proof.tool, exported.proof.clips, exported.proof.differ) == ("main.py", 2, 0)


def test_the_forecast_is_what_was_timed_carried_to_the_test_set(exported: Exported) -> None:
    timed = exported.forecast
    assert timed is not None
    assert timed.hours == timed.seconds / timed.clips * 205_274 / 3600
    assert "205,274 utterances" in timed.sentence
    assert timed.device in timed.sentence


def test_the_windows_are_those_that_evaluation_uses(unpacked: Path, run: KeptRun) -> None:
    model = WindowedWhisper(unpacked / "src" / "model")
    lengths = [0.01, 0.36, 1.0, 1.86, 1.8600001, 4.36, 12.3, 29.36, 29.9, 30.0]
    ours = [frames(fitted_seconds(length, run.config.audio)) // 2 for length in lengths]
    clips = [model.part(0, Path("x"), start=0, end=round(length * 1e6), sample_rate=1_000_000) for length in lengths]
    assert [piece.positions for piece in clips] == ours


@pytest.mark.parametrize("window", WINDOWS)
def test_windows_and_limits_are_those_of_evaluation_where_clips_may_be_10_s(
    window: Window, unpacked: Path, run: KeptRun
) -> None:
    audio = run.config.audio.model_copy(update={"window": window, "max_window_s": 10.0})
    model = WindowedWhisper(unpacked / "src" / "model")
    model.window, model.most_tokens = audio.model_dump(), 448
    for seconds in (0.5, 4.36, 9.7, 9.95, 10.0):
        part = model.part(0, Path("x"), start=0, end=round(seconds * 1e6), sample_rate=1_000_000)
        limited_by_s = fitted_seconds(seconds, audio.model_copy(update={"window": "fitted"}))
        assert part.positions == frames(fitted_seconds(seconds, audio)) // 2
        assert part.most_tokens == most_new_tokens(limited_by_s, "en")


def test_a_batch_holds_one_window_and_the_longest_comes_first() -> None:
    clips = [(16_000, 100), (48_000, 200), (20_000, 100), (15_000, 100)]
    todo = [
        ClipPart(number, Path("x"), 0, end, end / 16_000, positions, 20)
        for number, (end, positions) in enumerate(clips)
    ]
    assert [[piece.index for piece in batch] for batch in in_batches(todo, 250)] == [[1], [2, 0], [3]]


def test_a_batch_that_does_not_fit_in_memory_is_halved(
    unpacked: Path, run: KeptRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = WindowedWhisper(unpacked / "src" / "model")
    paths = [tmp_path / f"{number}.flac" for number in range(3)]
    soundfile.write(paths[0], clip(run, 0), 16_000)
    paths[1].write_bytes(paths[0].read_bytes())
    paths[2].write_bytes(paths[0].read_bytes())
    together = transcribe(paths, model)
    generate = model.whisper.generate

    def on_a_small_card(mel: torch.Tensor, **limit: int) -> torch.Tensor:
        if len(mel) > 1:
            raise torch.OutOfMemoryError
        return generate(mel, **limit)

    monkeypatch.setattr(model.whisper, "generate", on_a_small_card)
    assert transcribe(paths, model) == together


def test_resampling_keeps_a_tone_and_drops_what_16_khz_cannot_hold() -> None:
    time = np.arange(44_100) / 44_100
    heard = resampled(np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 12_000 * time), 44_100)
    assert np.allclose(heard, np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000), atol=1e-3)


def test_a_log_stays_short_however_many_clips_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    report = submission_main.progress_lines()
    [report(done, 205_274) for done in range(100, 205_274, 100)]
    assert len(capsys.readouterr().err.splitlines()) <= 50


def test_a_clip_too_long_is_cut_where_it_is_quietest(unpacked: Path, tmp_path: Path) -> None:
    model = WindowedWhisper(unpacked / "src" / "model")
    silent = np.zeros(44_100 * 70)
    assert cut_at(silent, 44_100, tmp_path, model) == [23.333, 46.667, 70.0]
    loud = np.sin(np.arange(44_100 * 70) / 20)
    loud[44_100 * 21 : 44_100 * 22] = 0  # a pause, beside the first of the equal cuts
    first, *_, last = cut_at(loud, 44_100, tmp_path, model)
    assert 21.1 <= first <= 21.9
    assert last == 70.0


def cut_at(sound: np.ndarray, sample_rate: int, folder: Path, model: WindowedWhisper) -> list[float]:
    """Where the parts of a file end, in seconds."""
    soundfile.write(folder / "long.flac", sound, sample_rate)
    return [round(piece.end / sample_rate, 3) for piece in parts_of(0, folder / "long.flac", model=model)]
