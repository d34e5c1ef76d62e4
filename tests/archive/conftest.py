"""A project with an archive, and a folder on another file system."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from raytrain.archive.store import Archive
from raytrain.archive.tree import remove_tree


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project" / "results").mkdir(parents=True)
    return tmp_path / "project"


@pytest.fixture
def archive(project: Path) -> Archive:
    return Archive(project / "archive")


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than the project's: memory's, which every Linux has."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    assert folder.stat().st_dev != tmp_path.stat().st_dev, "set TMPDIR to a folder that is not in /dev/shm"
    yield folder
    remove_tree(folder)
    shutil.rmtree(folder, ignore_errors=True)
