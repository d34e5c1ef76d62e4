"""The door: what it refuses, in one line and before torch is loaded; and that nothing is left half-written."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from doors_here import ended_here
from exported_runs import checkpoint, copy_of
from transformers import WhisperForConditionalGeneration

from raytrain.errors import InputError
from raytrain.release.export import export
from raytrain.release.runs import find_run
from raytrain.release.target import placed, require_space


def door(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "raytrain.export", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_a_fit_becomes_a_folder_that_transformers_loads(fit: Path, tmp_path: Path) -> None:
    done = door(fit, "--to", tmp_path / "deep" / "model", "--num-beams", "3", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["folder"], told["steps"]) == (str(tmp_path / "deep" / "model"), [find_run(fit).best.step])
    assert "synthetic" in done.stderr
    assert (told["proof"]["tool"], told["proof"]["clips"], told["proof"]["differ"]) == ("transcribe.py", 4, 0)
    assert "proved on 4 validation clips by transcribe.py: 0 of its transcripts differ" in done.stderr
    assert "In 4 validation clips this code" in (tmp_path / "deep" / "model" / "README.md").read_text()
    model = WhisperForConditionalGeneration.from_pretrained(tmp_path / "deep" / "model")
    assert (model.generation_config.num_beams, model.config.max_source_positions) == (3, 1500)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        (["--to", "new", "--form", "zip"], "invalid choice: 'zip'"),
        (["--to", "full"], "is not empty"),
        (["--to", "file"], "is a file"),
        (["--to", "new", "--num-beams", "0"], "prediction.num_beams"),
        ([], "the following arguments are required: --to"),
        (["--to", "new", "--average", "9"], "has 3 checkpoint(s) here"),
        (["--to", "new", "--soup", "2"], "is not a study's folder"),
        (["--to", "new", "--soup", "2", "--average", "2"], "leave one of the two out"),
        (["--to", "new", "--form", "ct2", "--prove", "0"], "at least one clip is heard"),
        (["--to", "new", "--prove", "-1"], "at least one clip is heard"),
        (["--to", "new", "--quantization", "int8"], "--quantization is of --form ct2"),
        (["--to", "new", "--push", "me/kid", "--form", "submission"], "is of --form hf, and this is --form submission"),
        (["--to", "new", "--push", "me/kid", "--prove", "0"], "only what was proved is pushed"),
        (["--to", "new", "--public"], "nothing is pushed without it"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: list[str], fact: str, fit: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    done = ended_here("raytrain.export", fit, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert fact in done.stderr.splitlines()[-1]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_missing_run_is_told_before_torch_is_loaded(tmp_path: Path) -> None:
    started = time.process_time()
    code = (
        "import sys; sys.argv = ['export', 'nowhere', '--to', 'new']\n"
        "import raytrain.export\n"
        "try: raytrain.export.main()\n"
        "finally: print({'torch', 'transformers', 'ray'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (2, "set()")
    assert time.process_time() - started < 2


def test_an_export_that_breaks_off_leaves_nothing(fit: Path, tmp_path: Path) -> None:
    copy = copy_of(fit, tmp_path / "fit", steps=(1,))
    run = find_run(copy)
    (checkpoint(copy, 1) / "generation_config.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        export(run, to=tmp_path / "out" / "model", form="hf", say=print, num_proved=0)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_empty_folder_is_taken_as_the_target(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with placed(tmp_path / "model") as built:
        (built / "file").touch()
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["file"]


def test_too_little_space_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"needs 1073741824.0 GiB while it is made, and .* free; make room"):
        require_space(tmp_path / "a" / "b", needed_bytes=2**60)
