"""The bench of a GPU, as far as a machine without one can run it: every part on a CPU, all small."""

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from raytrain.benchmarks import gpu_checks
from raytrain.benchmarks.cards import peak_tflops
from raytrain.benchmarks.gpu import Part, held, measure_gpu
from raytrain.benchmarks.gpu_checks import CPU, Bench, checks
from raytrain.benchmarks.gpu_run import REHEARSAL, Asked, GpuRun, found_by
from raytrain.benchmarks.longer_clips import LONGEST_S, SHORTEST_S, write_longer_clips
from raytrain.benchmarks.work import Clock
from raytrain.config.reader import load_baseline
from raytrain.errors import InputError
from raytrain.speech.corpus import Corpus, prepare
from raytrain.speech.manifest import DEMO_MANIFEST
from raytrain.training.precision import Precision
from raytrain.whisper import weights
from raytrain.whisper.variants import VARIANTS

ASKED = Asked(model="tiny", manifest=DEMO_MANIFEST, device="cpu", minutes=1, threads=1, size=REHEARSAL)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return prepare(DEMO_MANIFEST, cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture
def bench(demo: Corpus, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A small Whisper on the CPU, the device being the CPU too."""
    small = {"width": 64, "encoder_layers": 2, "decoder_layers": 2, "heads": 2}
    monkeypatch.setitem(VARIANTS, "tiny", dataclasses.replace(VARIANTS["tiny"], **small))
    asked = ("model.pretrained=null", "model.dropout=0.0", "model.gradient_checkpointing=false")
    config = load_baseline("tiny", [*asked, "training.batch_size=2", "training.gradient_accumulation_steps=1"])
    whisper = weights.load(config.model, seed=0)
    return Bench(whisper=whisper, config=config, corpus=demo, clips=[0, 1, 2], device=CPU, half=Precision("bf16", CPU))


def test_a_cpu_holds_every_check_but_the_one_that_only_a_gpu_can_tell(bench: Bench) -> None:
    found = {check.check: check.held for check in checks(bench)}
    assert found.pop("a step waits for the GPU once") is None
    assert len(found) == 6
    assert all(found.values())


def test_a_device_that_computes_otherwise_is_found_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    log_mel_of, loss = gpu_checks.log_mel_of, gpu_checks.token_loss_sum
    off, said = iter([1.0, 1.01, torch.nan]), iter([["a"], ["b"]])
    monkeypatch.setattr(gpu_checks, "log_mel_of", lambda *given, **more: log_mel_of(*given, **more) + 0.01)
    monkeypatch.setattr(gpu_checks, "token_loss_sum", lambda *given, **more: loss(*given, **more) * next(off))
    monkeypatch.setattr(gpu_checks, "_heard", lambda *_: next(said))
    found = {check.check: check for check in checks(bench)}
    failed = [said for said, check in found.items() if check.held is False]
    assert failed == [
        "log-mels of the device are the CPU's, at most so far apart",
        "a step's gradients in float32 are the CPU's, but for rounding",
        "a step runs with fused attention alone",
        "clips are decoded to the CPU's tokens",
    ]


def measured(parts: list[Part], monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    monkeypatch.setattr(GpuRun, "prepare", lambda run: None)
    kept: list[dict[str, Any]] = []
    found = measure_gpu(ASKED, keep=lambda found: kept.append(json.loads(json.dumps(found))), say=print, parts=parts)
    return found, kept


def test_a_part_that_takes_too_long_or_breaks_down_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(run: GpuRun) -> None:
        run.rows_of("step").append({"side": "ours"})
        raise TimeoutError

    def broken(run: GpuRun) -> None:
        raise InputError("no compiler")

    def whole(run: GpuRun) -> None:
        run.rows_of("checks").append({"held": True})

    parts = [Part("step", slow, 0.5), Part("caps", broken, 0.2), Part("checks", whole, 0.3)]
    found, kept = measured(parts, monkeypatch)
    assert found["step"]["rows"] == [{"side": "ours"}]
    assert found["not_reached"] == ["step, or the rest of it"]
    assert found["caps"]["broke_down"] == "no compiler"
    assert found["held"] == {"checks": True}
    assert kept[0]["step"] == found["step"]
    assert kept[-1] == json.loads(json.dumps(found))


def test_time_that_a_part_leaves_goes_to_those_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[float] = []
    part = Part("checks", lambda run: ends.append(run.ends_s - time.monotonic()), 0.25)
    measured([part] * 4, monkeypatch)
    assert ends == pytest.approx([15, 30, 45, 60], abs=1)


def test_a_child_that_is_not_done_in_time_is_ended() -> None:
    began_s = time.monotonic()
    with pytest.raises(TimeoutError):
        list(found_by("card", {"device": "cpu", "threads": 1}, ends_s=began_s + 0.2))
    assert time.monotonic() - began_s < 10


def test_what_is_expected_of_a_gpu_is_held_against_what_was_found() -> None:
    beside = {"train_ratio": 7.0, "eval_ratio": 9.0, "memory_ratio": 0.5, "mfu": None}
    found = {
        "device": "cuda",
        "step": {"beside": beside},
        "memory": {"summary": {"points": 2, "min": 1.02, "max": 1.2}},
        "caps": {"held": False},
        "checks": {"rows": [{"held": True}, {"held": None}]},
    }
    assert held(found) == {
        "checks": True, "train_ratio": True, "eval_ratio": False, "memory_ratio": True, "predicted_by_measured": False,
        "caps": False,
    }  # fmt: skip
    assert held({**found, "device": "cpu", "memory": {}}) == {"checks": True, "caps": False}


@pytest.mark.parametrize(
    ("card", "tflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H100 PCIe", 756.5),
        ("NVIDIA A100-SXM4-80GB", 312.0),
        ("NVIDIA L40S", 362.1),
        ("NVIDIA L4", 121.0),
        ("Tesla T4", 65.0),
        ("NVIDIA GeForce RTX 3070", 40.6),
        ("NVIDIA GeForce GTX 1080", None),
    ],
)
def test_a_card_is_known_by_its_name(card: str, tflops: float | None) -> None:
    assert peak_tflops(card) == tflops


def test_longer_clips_are_of_one_child_each_and_no_clip_is_heard_twice(demo: Corpus, tmp_path: Path) -> None:
    manifest, number = write_longer_clips(demo, tmp_path / "clips")
    longer = prepare(manifest, cache=tmp_path / "cache")
    assert len(longer) == number > 50
    assert SHORTEST_S <= longer.durations_s.min() <= longer.durations_s.max() <= LONGEST_S
    parts = [part for one in longer.own_ids for part in one.split("+")]
    assert len(parts) == len(set(parts)) > number
    child_of = dict(zip(demo.own_ids, demo.child_ids, strict=True))
    for one, child in zip(longer.own_ids, longer.child_ids, strict=True):
        assert {child_of[part] for part in one.split("+")} == {child}


def test_the_first_two_steps_are_no_steady_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    ticks: Iterator[float] = iter([10.0, 14.0, 15.0, 16.0, 19.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    for _ in range(2):
        clock.step_done()
    assert clock.steady_step_s is None
    for _ in range(3):
        clock.step_done()
    assert clock.steady_step_s == 1.0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_door_says_how_to_rehearse_in_one_line() -> None:
    command = [sys.executable, "-m", "raytrain.bench", "gpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "--device cpu" in done.stderr


@pytest.mark.soak
def test_every_part_is_rehearsed_on_a_cpu(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "raytrain.bench",
        "gpu",
        "--device",
        "cpu",
        "--threads",
        "1",
        "--minutes",
        "30",
        "--json",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert json.loads((tmp_path / "results" / "bench" / "gpu.json").read_text()) == found
    assert found["not_reached"] == []
    assert found["held"] == {"checks": True, "caps": True}
    assert [row["outcome"] for row in found["caps"]["rows"]] == ["completed"] * 3 + ["out_of_memory"]
    assert [(row["side"], row["batch_size"]) for row in found["step"]["rows"]] == [
        ("ours", 2),
        ("peer", 2),
        ("ours", 1),
    ]
    assert found["step"]["beside"]["train_ratio"] > 1
    assert [row["outcome"] for row in found["memory"]["rows"]] == ["completed"]
