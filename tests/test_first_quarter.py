"""The README's first quarter of an hour, as it stands there: from a Common Voice folder to a transcript."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from import_sources import Clip, common_voice

from raytrain.files import write_json
from raytrain.results.provenance import provenance

ROOT = Path(__file__).parents[1]
CORPUS = ROOT.parent / "shared" / "corpus" / "child_like"
FIGURES = ROOT / "results" / "bench" / "first-quarter.json"
SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("## A first quarter of an hour")[1]
COMMANDS = [re.sub(r"\s+#.*", "", line) for line in SECTION.split("```")[1].strip().splitlines()]
AGES = {"3-4": 4, "5-7": 6, "8-11": 9, "12+": 13}


@pytest.mark.soak
@pytest.mark.skipif(not CORPUS.is_dir(), reason="needs the corpus of 600 clips")
def test_every_command_of_the_first_quarter_of_an_hour_works_as_written(tmp_path: Path) -> None:
    """In fifteen minutes on two cores: what each took is kept, and asserted of none."""
    clips = _clips()
    common_voice(tmp_path / "cv-corpus" / "en", clips, ".mp3")
    soundfile.write(tmp_path / "new.wav", clips[0].sound, clips[0].rate)
    took_s, said = {}, ""
    for command in COMMANDS:
        began = time.monotonic()
        done = subprocess.run(
            ["bash", "-c", _named(command, tmp_path)], cwd=tmp_path, capture_output=True, text=True,
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        took_s[command], said = round(time.monotonic() - began, 1), done.stdout
    assert len(said.split()) >= 2  # words were heard
    made = provenance([], {})
    write_json(FIGURES, {"took_s": took_s, "heard": said, **{name: made[name] for name in ("hardware", "versions")}})


def _named(command: str, folder: Path) -> str:
    """The command with the folders that the commands before it have made."""
    for name, file in (("<study>", "study.json"), ("<fit>", "fit.json")):
        if name in command:
            (made,) = (path.parent.name for path in (folder / "results").glob(f"*/{file}"))
            command = command.replace(name, made)
    return command


def _clips() -> list[Clip]:
    lines = map(json.loads, (CORPUS / "manifest.jsonl").read_text(encoding="utf-8").splitlines())
    made = []
    for line in lines:
        sound, rate = soundfile.read(CORPUS / line["audio_path"], dtype="int16")
        age, text = AGES[line["age_bucket"]], line["orthographic_text"]
        made.append(Clip(line["utterance_id"], line["child_id"], age, text, sound, rate))
    return made


def test_each_of_them_is_a_door_that_is_there() -> None:
    doors = {command.split()[2].partition(".")[2] for command in COMMANDS if command.startswith("python -m raytrain.")}
    assert doors == {"data", "plan", "tune", "fit", "export", "transcribe"}
    assert [name for name in doors if not (ROOT / "raytrain" / f"{name}.py").is_file()] == []
    assert shutil.which("head")
