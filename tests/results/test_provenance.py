"""Provenance says what made a result, and nothing about its maker."""

import json
import subprocess
import sys

from raytrain.results.provenance import provenance


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
