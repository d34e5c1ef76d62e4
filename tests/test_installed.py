"""Raytrain built as a package and run from a folder that is no checkout."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from raytrain.config.find import CHECKOUT

SHIPPED = sorted(
    path.relative_to(CHECKOUT) for kind in ("baselines", "search_spaces") for path in (CHECKOUT / kind).rglob("*.yaml")
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what a built wheel holds; it is built of a copy, since building leaves files behind."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in ("raytrain", "baselines", "search_spaces"):
        shutil.copytree(CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md"):
        shutil.copy(CHECKOUT / name, copy / name)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(out)], cwd=copy, check=True, capture_output=True, timeout=120)
    with ZipFile(next(out.glob("*.whl"))) as wheel:
        wheel.extractall(out / "site")
    return out / "site"


def test_baselines_search_spaces_and_sweeps_are_in_the_package(installed: Path) -> None:
    assert [path for path in SHIPPED if not (installed / "raytrain" / path).is_file()] == []


def test_what_the_package_reads_beside_its_modules_is_in_it(installed: Path) -> None:
    beside = [path for path in (CHECKOUT / "raytrain").rglob("*") if path.suffix in (".j2", ".css", ".js", ".flac")]
    assert [path for path in beside if not (installed / path.relative_to(CHECKOUT)).is_file()] == []


def run(module: str, *arguments: str, installed: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=cwd, env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_what_makes_a_checkouts_files_makes_none_in_the_package(installed: Path, tmp_path: Path) -> None:
    ended = run("raytrain.config.schema", installed=installed, cwd=tmp_path)
    assert (ended.returncode, ended.stderr.count("\n"), list(tmp_path.iterdir())) == (2, 1, []), ended.stderr


@pytest.mark.parametrize(
    "door",
    [
        ("raytrain.tune", "--baseline", "medium", "--space", "learning", "--dry-run"),
        ("raytrain.plan", "--baseline", "small"),
        ("raytrain.data", "check", "demo"),
    ],
    ids=lambda door: door[0],
)
def test_a_door_works_from_an_empty_folder(installed: Path, tmp_path: Path, door: tuple[str, ...]) -> None:
    ended = run(*door, installed=installed, cwd=tmp_path)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr


def test_predictions_are_scored_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    demo = (installed / "raytrain" / "speech" / "demo" / "manifest.jsonl").read_text().splitlines()
    right = [{name: json.loads(line)[name] for name in ("utterance_id", "orthographic_text")} for line in demo]
    (tmp_path / "right.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in right))
    ended = run("raytrain.score", "right.jsonl", "--manifest", "demo", "--json", installed=installed, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    (scored,) = json.loads(ended.stdout)["models"]
    assert (scored["utterances"], scored["wer"]) == (len(demo), 0.0)


def test_a_sound_is_transcribed_from_an_empty_folder(installed: Path, tiny_en: Path, tmp_path: Path) -> None:
    clip = next((installed / "raytrain" / "speech" / "demo").rglob("*.flac"))
    ended = run("raytrain.transcribe", str(tiny_en), str(clip), installed=installed, cwd=tmp_path)
    assert (ended.returncode, len(ended.stdout.split()) > 1) == (0, True), ended.stderr
