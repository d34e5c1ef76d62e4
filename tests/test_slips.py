"""Slips of the finger that people make: each ends in one line, whose command, pasted, works."""

import re
import shlex
from pathlib import Path

import pytest
import soundfile
from doors_here import ended_here
from studies import made_study

SLIPS = {
    "a key without its section": "raytrain.fit batch_size=4 --dry-run",
    "a key as papers call it": "raytrain.tune lr=2e-5 --dry-run",
    "a section's wrong name": "raytrain.tune train.batch_size=4 --dry-run",
    "a letter left out": "raytrain.fit training.lerning_rate=2e-5 --dry-run",
    "a space's key without its section": "raytrain.tune trials=6 --dry-run",
    "blanks around the sign": "raytrain.fit training.learning_rate = 2e-5 --dry-run",
    "a colon for the sign": "raytrain.fit training.learning_rate:2e-5 --dry-run",
    "a comma in a number": "raytrain.fit training.weight_decay=0,1 --dry-run",
    "capitals": "raytrain.fit training.precision=BF16 --dry-run",
    "a key as an option": "raytrain.fit --batch-size 4 --dry-run",
    "another spelling of an option": "raytrain.tune --dryrun",
    "fit's option for tune": "raytrain.tune --config small --dry-run",
    "tune's option for fit": "raytrain.fit --space smoke --dry-run",
    "plan's option for tune": "raytrain.tune --gpu-memory 8 --dry-run",
    "a space's key for fit": "raytrain.fit search.trials=4 --dry-run",
    "a baseline's name with a typo": "raytrain.tune --baseline smal --dry-run",
    "a baseline's path with a typo": "raytrain.fit --config=baselines/smal.yaml --dry-run",
    "a space's name in capitals": "raytrain.tune --space Learning --dry-run",
    "no trials": "raytrain.tune --trials=0 --dry-run",
    "half a trial": "raytrain.tune --trials 4.5 --dry-run",
    "a budget without its unit": "raytrain.tune --budget 8 --dry-run",
    "a unit where there is none": "raytrain.plan --gpu-memory 8GB",
    "the doors as one": "raytrain.__main__ tune --baseline small --dry-run",
    "another trainer's option": "raytrain.tune --lr 1e-5 --dry-run",
    "its way to go without": "raytrain.tune --no-wandb --dry-run",
    "off for disabled": "raytrain.fit tracking.wandb=off --dry-run",
    "the model for the baseline": "raytrain.tune --model small --dry-run",
    "an option of another's for the data": "raytrain.tune --dataset=my/manifest.jsonl --dry-run",
    "the data as they are": "raytrain.tune my/manifest.jsonl --dry-run",
    "a baseline as it is": "raytrain.plan small",
    "all keys without a dry run": "raytrain.tune --baseline tiny --full",
    "a folder for the manifest": "raytrain.data check my",
    "a study without results/": "raytrain.report 2026-03-01_study",
    "an earlier study without results/": "raytrain.tune --learn-from 2026-03-01_study --dry-run",
    "a study's name with a typo": "raytrain.report results/2026-03-01_studdy",
    "another word for a command": "raytrain.data chek my/manifest.jsonl",
    "a letter left out of a command": "raytrain.archive lst",
    "a study for a fit": "raytrain.fit --resume results/2026-03-01_study --dry-run",
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a study and a manifest of one clip."""
    folder = tmp_path_factory.mktemp("desk")
    made_study(folder / "results" / "2026-03-01_study", trials=3)
    (folder / "my").mkdir()
    soundfile.write(folder / "my" / "a.wav", [0.0, 0.5, -0.5] * 8000, 16_000)
    line = '{"utterance_id": "a", "child_id": "c", "audio_path": "a.wav", "orthographic_text": "the dog"}\n'
    (folder / "my" / "manifest.jsonl").write_text(line)
    return folder


@pytest.mark.parametrize("typed", SLIPS.values(), ids=SLIPS)
def test_a_slip_is_told_in_a_line_and_the_command_in_it_works(typed: str, desk: Path) -> None:
    door, *arguments = shlex.split(typed)
    refused = ended_here(door, *arguments, cwd=desk)
    assert refused.returncode == 2
    assert refused.stdout == ""
    (line,) = refused.stderr.splitlines()
    told = re.search(r"(?:type|by|;) python -m (raytrain\..*)$", line)
    assert told is not None, line
    right, *corrected = shlex.split(told[1])
    assert ended_here(right, *corrected, cwd=desk).returncode == 0, line


def test_a_run_with_a_typo_is_no_name_of_a_hub(desk: Path) -> None:
    refused = ended_here("raytrain.transcribe", "results/2026-03-01_studdy", "my/a.wav", cwd=desk)
    assert refused.stderr.endswith("; type python -m raytrain.transcribe results/2026-03-01_study my/a.wav\n")


def test_the_best_of_a_study_that_has_not_ended_is_not_looked_for_among_baselines(desk: Path) -> None:
    (desk / "begun").mkdir()
    (desk / "begun" / "study.json").write_text("{}")
    refused = ended_here("raytrain.fit", "--config", "begun/best.yaml", cwd=desk)
    assert refused.stderr.endswith("this one has not; python -m raytrain.tune --resume begun goes on with it\n")


def test_transcripts_go_into_a_folder(desk: Path) -> None:
    refused = ended_here("raytrain.transcribe", "my-whisper", "my/a.wav", "--to", "my/manifest.jsonl", cwd=desk)
    assert "--to my/manifest.jsonl: a file; name a folder" in refused.stderr


def test_all_that_is_missing_is_told_at_once(desk: Path) -> None:
    asked = ("model.pretrained=./no-weights", "data.train_manifest=no-clips.jsonl", "augmentation.noise_probability=1")
    further = ("augmentation.noise_folder=no-noise", "evaluation.also={adult: no-adults.jsonl}")
    refused = ended_here("raytrain.fit", *asked, *further, cwd=desk)
    assert refused.returncode == 2
    places = ("no-weights", "no-noise", "no-clips.jsonl", "no-adults.jsonl")
    assert [name for name, line in zip(places, refused.stderr.splitlines(), strict=True) if name not in line] == []


def test_a_folder_of_sounds_is_sent_to_what_makes_a_manifest(tmp_path: Path) -> None:
    refused = ended_here("raytrain.data", "check", tmp_path)
    assert f"python -m raytrain.data import {tmp_path} --to FOLDER" in refused.stderr


@pytest.mark.parametrize("typed", ["raytrain.tune --name my", "raytrain.fit --hlep", "raytrain.tune --verbose 2"])
def test_nothing_is_proposed_where_nothing_is_near(typed: str) -> None:
    refused = ended_here(*shlex.split(typed), "--dry-run")
    assert refused.returncode == 2
    assert refused.stderr.rstrip().endswith("--help lists what there is")


def test_what_is_missing_from_the_line_is_shown_in_a_whole_one() -> None:
    refused = ended_here("raytrain.export", "results/mine")
    assert "required: --to; as in python -m raytrain.export results/RUN --to my-whisper" in refused.stderr


def test_two_faults_at_once_name_no_command_that_mends_one() -> None:
    refused = ended_here("raytrain.fit", "lr=1e-5", "batch_size=4", "--dry-run")
    assert len(refused.stderr.splitlines()) == 2
    assert "type python" not in refused.stderr
