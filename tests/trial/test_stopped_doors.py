"""Real doors that are stopped where it hurts: as Ray starts, with two workers, in a finalist, frozen whole."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from real_doors import FIT, PLAIN, Door, training_in

SPACE = """
vary: {training.learning_rate: {values: [1e-7, 3e-5]}}
search: {trials: 2, seed: 0, objective: wer, finalists: 1, seeds: 2, max_concurrent: 1}
scheduler: {name: none}
budget: {examples: 60}
"""
"""Its baseline learns next to nothing, so that the other is the finalist, beside it."""


def here(tiny_en: Path, tmp_path: Path) -> tuple[str, str]:
    return f"model.pretrained={tiny_en}", f"storage={tmp_path}"


def ledger(storage: Path) -> list[dict[str, Any]]:
    lines = [line for path in storage.glob("*/trials.jsonl") for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


@pytest.mark.soak
@pytest.mark.parametrize("process", ["gcs_server", "raylet", "DashboardAgent"])
def test_a_fit_stopped_as_ray_starts_leaves_none_of_its_processes(process: str, tiny_en: Path, tmp_path: Path) -> None:
    with Door(*FIT, *here(tiny_en, tmp_path)) as run:
        run.process_named(process)
        ended = run.ended(signal.SIGTERM)
    (folder,) = tmp_path.iterdir()
    assert ended.status == 130, ended.said
    assert ended.said.endswith(f"interrupted; to go on:\npython -m raytrain.fit --resume {folder}\n")
    assert ended.seconds < 10
    assert ended.left == []


@pytest.mark.soak
def test_two_workers_that_are_stopped_save_one_checkpoint_and_go_on(tiny_en: Path, tmp_path: Path) -> None:
    arguments = *FIT, *here(tiny_en, tmp_path), "scaling.num_workers=2", "training.max_steps=20"
    with Door(*arguments) as run:
        folder = run.until_it_trains(tmp_path, examples_seen=16)
        ended = run.ended(signal.SIGTERM)
    assert (ended.status, ended.left) == (130, []), ended.said
    assert ended.seconds < 10
    (saved,) = folder.glob("checkpoints/step-*-unscored")
    with Door("raytrain.fit", "--resume", str(folder)) as run:
        again = run.ended()
    assert again.status == 0, again.said
    result = json.loads((folder / "fit.json").read_text())["result"]
    assert (result["outcome"], result["step"]) == ("completed", 20)
    assert [row["step"] for row in result["history"]] == [0, 20]
    assert saved.name.startswith("step-0000")


@pytest.mark.soak
def test_a_study_stopped_in_a_finalist_goes_on_and_repeats_nothing(tiny_en: Path, tmp_path: Path) -> None:
    space, storage = tmp_path / "two.yaml", tmp_path / "results"
    space.write_text(SPACE)
    slow = "training.learning_rate=1e-7", "training.batch_size=4"
    asked = "raytrain.tune", "--baseline", "tiny", "--space", str(space), *slow, *PLAIN
    with Door(*asked, *here(tiny_en, storage)) as run:
        folder = run.until(lambda: len(ledger(storage)) == 2 and training_in(storage, examples_seen=4))
        ended = run.ended(signal.SIGTERM)
    assert (ended.status, ended.left) == (130, []), ended.said
    assert ended.said.endswith(f"python -m raytrain.tune --resume {folder}\n")
    before = ledger(storage)
    assert len(before) == 2
    with Door("raytrain.tune", "--resume", str(folder)) as run:
        again = run.ended()
    assert again.status == 0, again.said
    after = ledger(storage)
    assert after[:2] == before
    assert [record["finalist_of"] is not None for record in after] == [False, False, True, True]
    assert len({record["trial_id"] for record in after}) == 4


@pytest.mark.soak
def test_a_fit_whose_worker_is_frozen_whole_ends_with_a_line(tiny_en: Path, tmp_path: Path) -> None:
    with Door(*FIT, *here(tiny_en, tmp_path), RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S="10") as run:
        folder = run.until_it_trains(tmp_path)
        worker = run.process_named("ray::RayTrainWorker")
        ended = run.ended(signal.SIGSTOP, to=[worker])
    assert ended.status == 1, ended.said
    *_, fault, word, way_on = ended.said.splitlines()
    assert fault.startswith("failed: WorkerHealthCheckTimeoutError: ")
    assert (word, way_on) == ("to go on, once that is mended:", f"python -m raytrain.fit --resume {folder}")
    assert ended.seconds < 60
    assert ended.left == []


@pytest.mark.soak
@pytest.mark.parametrize("signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGHUP,)])
def test_a_second_ctrl_c_and_a_closed_terminal_leave_the_way_on(
    signals: tuple[int, ...], tiny_en: Path, tmp_path: Path
) -> None:
    with Door(*FIT, *here(tiny_en, tmp_path)) as run:
        folder = run.until_it_trains(tmp_path, examples_seen=8)
        ended = run.ended(*signals)
    assert (ended.status, ended.left) == (130, []), ended.said
    assert ended.said.endswith(f"interrupted; to go on:\npython -m raytrain.fit --resume {folder}\n")
    assert ended.seconds < 10
