"""What a person sees of a study, a stopped study, a fit and a refusal, in terminals of two sizes: as it was recorded.

To record anew, and then to read what changed: python tests/helpers/staged_doors.py tests/watch/recordings
"""

import subprocess
import sys
from pathlib import Path

import pytest
import staged_doors

GOLDEN = Path(__file__).parent / "recordings"
NAMES = sorted(path.name for path in GOLDEN.iterdir())


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    done = subprocess.run(
        [sys.executable, staged_doors.__file__, str(folder)], capture_output=True, text=True, timeout=550
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_person_sees_what_was_recorded(name: str, seen: Path) -> None:
    assert (seen / name).read_text(encoding="utf-8") == (GOLDEN / name).read_text(encoding="utf-8")


def test_each_kind_of_run_was_recorded_in_each_size() -> None:
    kinds = ("study", "interrupted", "fit", "refusal")
    assert sorted(f"{kind}-{columns}x{rows}.txt" for kind in kinds for columns, rows in staged_doors.SIZES) == NAMES
