"""Provenance says what made a result, and nothing about its maker."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy
import psutil
import pytest

from raytrain import versions
from raytrain.results import provenance as of_results
from raytrain.results.provenance import command_line, gpus, provenance


def test_it_names_code_versions_hardware_command_and_seeds() -> None:
    made = provenance(["python", "-m", "raytrain.fit"], {"training.seed": 42})
    assert made["command_line"] == ["python", "-m", "raytrain.fit"]
    assert made["seeds"] == {"training.seed": 42}
    assert made["versions"]["numpy"]
    assert made["hardware"]["cores"] >= 1
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_it_keeps_nothing_of_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0123456789-secret")
    assert "secret" not in json.dumps(provenance([], {}))


def test_it_imports_none_of_the_packages_it_names() -> None:
    code = (
        "import sys, raytrain.results.provenance as p; p.provenance([], {}); print({'torch', 'ray'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git checkout with one commit that this package seems to run from."""
    home = tmp_path / "checkout"
    module = home / "raytrain" / "results" / "provenance.py"
    module.parent.mkdir(parents=True)
    module.touch()
    git(home, "init")
    git(home, "add", ".")
    git(home, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--message", "begin")
    monkeypatch.setattr(of_results, "__file__", str(module))
    return home


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_is_the_checkout_s_and_dirty_where_a_tracked_file_differs(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    (checkout / "notes").write_text("untracked")
    assert provenance([], {})["commit"] == {"hash": head, "dirty": False}
    (checkout / "raytrain/results/provenance.py").write_text("changed")
    assert provenance([], {})["commit"] == {"hash": head, "dirty": True}


def test_the_commit_of_a_project_that_the_package_lies_in_is_not_ours(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_results, "__file__", str(checkout / "packages/raytrain/results/provenance.py"))
    assert provenance([], {})["commit"] is None
    monkeypatch.setattr(of_results, "__file__", str(checkout.parent / "raytrain/results/provenance.py"))
    assert provenance([], {})["commit"] is None


def put_nvidia_smi(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_cards_are_named_with_their_sizes_where_the_driver_knows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = '[ "$*" = "--query-gpu=name,memory.total --format=csv,noheader,nounits" ] || exit 1'
    put_nvidia_smi(tmp_path, monkeypatch, f"{asked}\necho 'A card, of two words, 81559'\necho 'Other, [N/A]'")
    expected = [{"name": "A card, of two words", "memory_gib": 79.6}, {"name": "Other", "memory_gib": None}]
    assert gpus() == expected
    assert provenance([], {})["hardware"]["gpus"] == expected


def test_without_a_driver_or_with_one_that_fails_there_are_no_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_nvidia_smi(tmp_path, monkeypatch, "echo no driver, 1\nexit 9")
    assert gpus() == []
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert gpus() == []


def test_a_package_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_PACKAGES", ("numpy", "no-such-package"))
    assert provenance([], {})["versions"] == {"numpy": numpy.__version__, "no-such-package": None}


def test_python_and_machine_are_named() -> None:
    made = provenance([], {})
    assert made["python"] == ".".join(map(str, sys.version_info[:3]))
    assert made["platform"].split() == [platform.system(), platform.machine()]
    assert made["hardware"]["memory_gib"] == round(psutil.virtual_memory().total / 2**30, 1)
    assert made["hardware"]["cpu"] in (Path("/proc/cpuinfo").read_text() + platform.machine())


def test_a_door_s_command_line_repeats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/raytrain/fit.py", "--baseline", "tiny"])
    assert command_line("raytrain.fit") == ["python", "-m", "raytrain.fit", "--baseline", "tiny"]
