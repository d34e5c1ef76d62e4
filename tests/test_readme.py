"""What the README says can be typed, and the folders it draws, are there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from raytrain.config.reader import load_baseline

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOORS = sorted(set(re.findall(r"python -m (raytrain\.[a-z]+)(?![.\w])", README)))
TO_CHANGE = re.findall(r"^\| .+ \| (`raytrain/.+`) \| (`.+`) \|$", README, flags=re.MULTILINE)
CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
TREE = re.findall(r"^  ([a-z]+)/ ", README, flags=re.MULTILINE)
SEARCHES = ["python -m raytrain.tune --baseline small", "python -m raytrain.fit --config small"]


@pytest.mark.parametrize("door", DOORS)
def test_every_door_of_the_readme_opens(door: str) -> None:
    helped = subprocess.run([sys.executable, "-m", door, "--help"], capture_output=True, text=True, cwd=ROOT)
    assert helped.returncode == 0
    assert "usage: python -m raytrain" in helped.stdout


def test_the_tree_of_the_readme_names_every_room() -> None:
    rooms = {path.parent.name for path in (ROOT / "raytrain").glob("*/__init__.py")}
    assert set(TREE) == rooms


@pytest.mark.parametrize(("files", "names"), TO_CHANGE, ids=lambda cell: cell[:40])
def test_where_the_map_sends_whoever_changes_something_there_is_what_it_names(files: str, names: str) -> None:
    named = [ROOT / path for path in re.findall(r"`(.+?)`", files)]
    code = "".join(path.read_text(encoding="utf-8") for path in named)
    defined = re.findall(r"`(\w+)`", names)
    assert defined
    assert [name for name in defined if not re.search(rf"^\s*(class |def )?{name}\b", code, re.MULTILINE)] == []


def test_every_file_that_contributing_names_is_there_with_the_name_beside_it() -> None:
    named = re.findall(r"`((?:raytrain|tests)/[\w/.]+)`", CONTRIBUTING)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
    beside = re.findall(r"`([\w.]+)` \(`(raytrain/[\w/.]+)`\)", CONTRIBUTING)
    assert {"FIGURES", "VERSION", "_state_bytes"} <= {name for name, _ in beside}
    for name, path in beside:
        code = (ROOT / path).read_text(encoding="utf-8")
        assert all(re.search(rf"^(class |def )?{part}\b|^    {part}:", code, re.MULTILINE) for part in name.split("."))


@pytest.mark.parametrize("command", SEARCHES)
def test_the_default_commands_resolve_without_data_or_weights(command: str) -> None:
    arguments = [sys.executable, *shlex.split(command)[1:], "--dry-run"]
    assert subprocess.run(arguments, capture_output=True, cwd=ROOT).returncode == 0


def test_the_table_of_baselines_says_what_the_files_say() -> None:
    """Of the files that it names: those that a person adds need no row."""
    told = (ROOT / "baselines" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)\.yaml`.*\| (\d+) × (\d+) = (\d+) \|", told, flags=re.MULTILINE)
    files = {name: load_baseline(str(ROOT / "baselines" / f"{name}.yaml")) for name, *_ in rows}
    assert {name: tuple(map(int, numbers)) for name, *numbers in rows} == {
        name: (
            one.training.batch_size,
            one.training.gradient_accumulation_steps,
            one.effective_batch_size(),
        )
        for name, one in files.items()
    }
    assert {"small", "medium"} <= files.keys()
