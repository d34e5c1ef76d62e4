"""A study of ten minutes from which a machine is taken away each minute, with notice: what that costs, and what not.

Twenty-five minutes on 2 cores; what it came to is written to results/bench/goodput.json.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from raytrain.files import write_json
from raytrain.results.provenance import provenance

pytestmark = pytest.mark.soak
FIGURES = Path(__file__).parents[2] / "results" / "bench" / "goodput.json"
NOTICES, EVERY_S, STEPS = 10, 60.0, 300


@pytest.fixture(scope="module")
def told(tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    helpers = Path(__file__).parents[1] / "helpers"
    folder = tmp_path_factory.mktemp("taken-away")
    asked = [str(value) for value in (tiny_en, folder, NOTICES, EVERY_S, STEPS)]
    ended = subprocess.run(
        [sys.executable, Path(__file__).with_name("taken_away.py"), *asked],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(helpers), *filter(None, [os.environ.get("PYTHONPATH")])])},
        capture_output=True, text=True, timeout=2400,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    made = provenance([], {})
    write_json(FIGURES, found | {name: made[name] for name in ("hardware", "versions")})
    return found


def test_no_row_is_lost_or_told_twice_and_every_wer_is_what_it_would_have_been(told: dict[str, Any]) -> None:
    disturbed, undisturbed = told["disturbed"], told["undisturbed"]
    assert (disturbed["numbers"], disturbed["ledger"], disturbed["outcomes"]) == ([0, 1, 2, 3], 4, ["completed"])
    assert (disturbed["wers"], disturbed["steps"]) == (undisturbed["wers"], undisturbed["steps"])


def test_each_notice_is_saved_upon(told: dict[str, Any]) -> None:
    assert len(told["notices"]) >= 5
    assert len(told["disturbed"]["saved_between"]) >= len(told["notices"]) - 1  # one may come as a trial ends


def test_nine_tenths_of_the_time_go_into_training(told: dict[str, Any]) -> None:
    assert told["goodput"] >= 0.9
