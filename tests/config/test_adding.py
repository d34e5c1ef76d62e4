"""A baseline, a space, a variant and a key with a default, added as a person would, leave the tests green."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from raytrain.config.find import CHECKOUT

COPIED = ["raytrain", "tests", "baselines", "search_spaces", "README.md", "pyproject.toml", ".github"]
SEE_WHAT_IS_THERE = [
    "tests/config/test_baseline_refusals.py", "tests/config/test_find.py", "tests/config/test_schema.py",
    "tests/config/test_shipped.py", "tests/config/test_space.py",
    "tests/test_readme.py::test_the_table_of_baselines_says_what_the_files_say",
    "tests/test_five_decisions.py::test_medium_has_the_settings_it_was_trained_with",
    "tests/archive/test_summaries.py", "tests/whisper/test_variants.py",
    "tests/tracking/test_sweeps.py::test_a_sweep_that_is_not_fresh_is_named_and_made_again",
]  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the tests see, to add to."""
    for name in COPIED:
        source, copy = CHECKOUT / name, tmp_path / name
        shutil.copytree(source, copy) if source.is_dir() else shutil.copy(source, copy)
    return tmp_path


def insert(path: Path, text: str, *, after: str) -> None:
    """As an editor does: new text below a line that is there once."""
    before, line, rest = path.read_text().partition(after)
    assert line
    path.write_text(before + line + text + rest)


def complaints(checkout: Path) -> str:
    """Of the tests in that checkout; none where all pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SEE_WHAT_IS_THERE]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=300)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_what_a_person_adds_reddens_no_test(checkout: Path) -> None:
    shutil.copy(checkout / "baselines/small.yaml", checkout / "baselines/mine.yaml")
    shutil.copy(checkout / "search_spaces/smoke.yaml", checkout / "search_spaces/mine.yaml")
    shutil.copy(checkout / "search_spaces/smoke.yaml", checkout / "search_spaces/ours.yaml")
    insert(checkout / "search_spaces/ours.yaml", "  scaling.num_workers:\n    values: [1, 2]\n", after="vary:\n")
    insert(
        checkout / "raytrain/whisper/variants.py",
        '        Variant("small.en", "openai/whisper-small.en", encoder_layers=12, decoder_layers=12, width=768,'
        " heads=12, vocab_size=51864),\n",
        after="    for variant in (\n",
    )
    insert(checkout / "raytrain/config/baseline.py", '"small.en", ', after="    variant: Literal[")
    insert(
        checkout / "raytrain/config/baseline.py",
        '    label_smoothing: float = Field(0.0, ge=0, lt=1)\n    """The share of wrong tokens in a target."""\n',
        after='    """How the learning rate falls to zero after the warm-up."""\n',
    )
    assert complaints(checkout) == ""
