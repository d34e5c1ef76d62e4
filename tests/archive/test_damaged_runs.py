"""No damaged checkpoint is archived as if it were whole, and none comes back that was damaged in the archive."""

from collections.abc import Callable
from pathlib import Path

import pytest
from damages import OF_A_CHECKPOINT, small_checkpoint

from raytrain.archive.store import Archive
from raytrain.errors import Damaged, InputError
from raytrain.files import take_out

STEP = Path("checkpoints", "step-000001")


@pytest.fixture
def fit(tmp_path: Path) -> Path:
    small_checkpoint(tmp_path / "results" / "fit" / STEP)
    (tmp_path / "results" / "fit" / "fit.json").write_text("{}")
    return tmp_path / "results" / "fit"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


@pytest.mark.parametrize("damage", OF_A_CHECKPOINT.values(), ids=OF_A_CHECKPOINT)
def test_a_run_with_a_damaged_checkpoint_is_not_archived(
    damage: Callable[[Path], None], fit: Path, archive: Archive
) -> None:
    damage(fit / STEP)
    with pytest.raises(InputError, match=r"step-000001.*; (bring back a copy of it, or remove|restore the file)"):
        archive.add(fit, why="over")
    assert fit.is_dir()


def test_a_run_whose_state_was_taken_out_on_purpose_is_archived(fit: Path, archive: Archive) -> None:
    take_out(fit / STEP, "training_state.pt")
    archive.add(fit, why="over")
    assert archive.verify() == {"fit": []}


@pytest.mark.parametrize("damage", OF_A_CHECKPOINT.values(), ids=OF_A_CHECKPOINT)
def test_damage_in_the_archive_is_told_by_verify_and_restore(
    damage: Callable[[Path], None], fit: Path, archive: Archive
) -> None:
    archive.add(fit, why="over")
    damage(archive.home / "fit" / STEP)
    assert "step-000001" in archive.verify()["fit"][0]
    with pytest.raises(Damaged, match="step-000001"):
        archive.restore("fit")
    assert not fit.exists()
