"""A foreign run: the folder of a real, short run of transformers' Trainer, archived, shown, compared and restored."""

import shutil
from pathlib import Path

import pytest
from runs import contents
from trainer_folder import train

from raytrain.archive import summary
from raytrain.archive.as_baseline import write_baseline
from raytrain.archive.store import Archive
from raytrain.archive.trainer_run import TrainerRun
from raytrain.config.reader import load_baseline
from raytrain.errors import InputError


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("trained") / "baseline_whisper_medium")


@pytest.fixture
def run(trained: Path, project: Path) -> Path:
    return shutil.copytree(trained, project / "checkpoints" / "baseline_whisper_medium")


def test_it_is_archived_and_restored_byte_for_byte(run: Path, archive: Archive) -> None:
    before = contents(run)
    manifest = archive.add(run, why="small is the baseline now", replaced_by="small")
    assert manifest.kind == "trainer"
    assert manifest.versions == {"transformers": "5.23.0"} or manifest.versions["transformers"]
    assert archive.verify() == {"baseline_whisper_medium": []}
    archive.restore("baseline_whisper_medium")
    assert contents(run) == before


def test_its_settings_and_wer_history_are_read_without_transformers(run: Path, archive: Archive) -> None:
    archive.add(run, why="small is the baseline now")
    told = summary(archive.home / "baseline_whisper_medium")
    assert (told["batch_size"], told["gradient_accumulation_steps"], told["effective_batch_size"]) == (2, 2, 4)
    assert (told["learning_rate"], told["seed"], told["steps"], told["examples_seen"]) == (1e-5, 7, 2, 8)
    assert [row["step"] for row in told["history"]] == [1, 2]
    assert told["best_eval_wer"] == min(row["eval_wer"] for row in told["history"])
    assert told["why"] == "small is the baseline now"


def test_its_tensorboard_logs_lie_in_the_archive(run: Path, archive: Archive) -> None:
    archive.add(run, why="small is the baseline now")
    assert list((archive.home / "baseline_whisper_medium").rglob("events.out.tfevents.*"))


def test_a_shape_that_is_no_whisper_size_is_no_baseline_and_what_is_lacking_is_told(
    run: Path, archive: Archive
) -> None:
    archive.add(run, why="small is the baseline now")
    with pytest.raises(InputError, match=r"does not tell the Whisper variant \(config\.json\)"):
        write_baseline(archive.home / "baseline_whisper_medium", archive.project / "baselines" / "old.yaml")
    assert not (archive.project / "baselines").exists()


def test_a_medium_sized_run_becomes_a_baseline_that_loads(run: Path, project: Path) -> None:
    config = (run / "config.json").read_text()
    sizes = {"encoder_layers": 24, "decoder_layers": 24, "d_model": 1024}
    for key, value in sizes.items():
        config = config.replace(f'"{key}": {TrainerRun(run).model[key]}', f'"{key}": {value}')
    (run / "config.json").write_text(config)
    notes = write_baseline(run, project / "baselines" / "old.yaml")
    baseline = load_baseline(str(project / "baselines" / "old.yaml"))
    assert (baseline.model.variant, baseline.model.pretrained) == ("medium", "openai/whisper-medium")
    assert (baseline.training.batch_size, baseline.training.gradient_accumulation_steps) == (2, 2)
    assert (baseline.training.max_steps, baseline.training.warmup_steps, baseline.training.seed) == (2, 1, 7)
    assert (baseline.audio.window, baseline.model.dropout) == ("full", 0.1)
    assert any("which manifest it was trained on" in note for note in notes)
