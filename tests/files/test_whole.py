"""Whole under its name, or not there; and the errors that are a disk's."""

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from raytrain.errors import InputError
from raytrain.files import (
    is_disk_fault,
    is_full,
    read_value,
    sync_folder,
    whole_folder,
    write_json,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_text_replaces_the_one_before_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "below" / "report.md"
    write_text(path, "one")
    write_text(path, "two")
    assert (path.read_text(), names(path.parent)) == ("two", ["report.md"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_text_that_cannot_be_encoded_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    write_text(path, "one")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert (path.read_text(), names(tmp_path)) == ("one", ["report.md"])


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what was brought to disk, in order."""
    names: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: names.append(Path(f"/proc/self/fd/{handle}").readlink().name))
    return names


def test_a_text_and_its_name_are_on_disk_before_the_call_returns(tmp_path: Path, synced: list[str]) -> None:
    write_text(tmp_path / "report.md", "one")
    temporary, folder = synced
    assert (temporary.startswith(".report.md."), folder) == (True, tmp_path.name)


def test_a_folder_is_on_disk_before_it_has_its_name(tmp_path: Path, synced: list[str]) -> None:
    with whole_folder(tmp_path / "model") as built:
        (built / "below").mkdir()
        (built / "below" / "weights").write_text("1")
    assert synced[:3] == ["built", "weights", "below"]
    assert tmp_path.name in synced[3:]


def test_a_text_that_need_not_last_waits_for_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: pytest.fail("synced"))
    write_text(tmp_path / "progress.json", "one", durable=False)
    assert (tmp_path / "progress.json").read_text() == "one"


def test_a_value_is_written_without_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "fit.json", {"wer": float("nan"), "rows": (1.5, float("inf"))})
    assert json.loads((tmp_path / "fit.json").read_text()) == {"wer": None, "rows": [1.5, None]}
    assert read_value(tmp_path / "fit.json") == {"wer": None, "rows": [1.5, None]}


def test_a_folder_appears_whole_and_its_scratch_goes(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with whole_folder(target) as built:
        (built / "weights").write_text("1")
        (built.parent / "scratch").write_text("2")
        assert not target.exists()
    assert [path.relative_to(tmp_path) for path in sorted(tmp_path.rglob("*"))] == [
        Path("model"),
        Path("model/weights"),
    ]


def test_an_empty_folder_gives_its_place_to_one_that_need_not_last(tmp_path: Path, synced: list[str]) -> None:
    (tmp_path / "model").mkdir()
    with whole_folder(tmp_path / "model", durable=False) as built:
        (built / "weights").write_text("1")
    assert (names(tmp_path / "model"), names(tmp_path), synced) == (["weights"], ["model"], [])


def test_a_folder_whose_making_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), whole_folder(tmp_path / "model") as built:
        built.write_text("1")
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_synced_on_its_file_system_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    sync_folder(tmp_path)


def test_a_folder_that_a_disk_cannot_sync_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error"):
        sync_folder(tmp_path)


@pytest.mark.parametrize(("content", "fact"), [(None, "there is no such file"), (b"{oops", "not JSON")])
def test_a_file_that_has_to_be_read_is_named_when_it_cannot_be(
    tmp_path: Path, content: bytes | None, fact: str
) -> None:
    path = tmp_path / "fit.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f"fit.json: {fact}"):
        read_value(path)


@pytest.mark.parametrize(
    ("number", "full", "disk"),
    [
        (errno.ENOSPC, True, True),
        (errno.EDQUOT, True, True),
        (errno.EROFS, False, True),
        (errno.EIO, False, True),
        (errno.ENOENT, False, False),
        (errno.ECONNREFUSED, False, False),
    ],
)
def test_a_disk_is_told_from_a_mistake_by_the_error_number_alone(number: int, full: bool, disk: bool) -> None:
    error = OSError(number, "in any language")
    assert (is_full(error), is_disk_fault(error)) == (full, disk)
