"""A trial that is given certain machines of a real cluster runs there and nowhere else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.soak
def test_a_run_that_needs_a_larger_card_runs_on_the_machine_that_has_one(tiny_en: Path, tmp_path: Path) -> None:
    script = Path(__file__).with_name("two_machines.py")
    ended = subprocess.run(
        [sys.executable, script, tiny_en, tmp_path], capture_output=True, text=True, timeout=300, check=True
    )
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told["machines"] == 3
    assert told["ran_on"] == [[node_id] for node_id in told["with_cards"]]
