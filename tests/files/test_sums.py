"""SHA256SUMS: what coreutils reads, and what is not as it was written."""

import subprocess
from pathlib import Path

import pytest

from raytrain.errors import InputError
from raytrain.files import SUMS, sum_faults, take_out, write_sums


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.bin", "b b.bin", "ü.txt"):
        (tmp_path / name).write_bytes(name.encode())
    write_sums(tmp_path)
    return tmp_path


def coreutils(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sha256sum", "-c", SUMS], cwd=folder, capture_output=True, text=True, check=False)


def test_sha256sum_checks_it(folder: Path) -> None:
    assert (coreutils(folder).returncode, list(sum_faults(folder))) == (0, [])
    (folder / "a.bin").write_bytes(b"b.bin")
    assert coreutils(folder).returncode == 1


def test_each_file_that_differs_is_named(folder: Path) -> None:
    (folder / "a.bin").write_bytes(b"b.bin")
    (folder / "b b.bin").unlink()
    (folder / "ü.txt").unlink()
    (folder / "ü.txt").mkdir()
    assert list(sum_faults(folder)) == [
        "a.bin: its bytes are not those that were written", "b b.bin: missing", "ü.txt: not a file",
    ]  # fmt: skip


def test_a_file_taken_out_on_purpose_is_no_damage_even_to_coreutils(folder: Path) -> None:
    take_out(folder, "a.bin")
    assert not (folder / "a.bin").exists()
    assert (coreutils(folder).returncode, list(sum_faults(folder))) == (0, [])
    take_out(folder, "a.bin")


def test_what_was_put_in_later_is_no_damage(folder: Path) -> None:
    (folder / "notes.txt").touch()
    assert list(sum_faults(folder)) == []


@pytest.mark.parametrize("text", ["", "\n", "0" * 64 + "  a.bin", "0" * 64 + "  ../a.bin\n", "x\n" * 2**20, "\udcff"])
def test_a_damaged_list_is_told(text: str, folder: Path) -> None:
    (folder / SUMS).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match="not a list of checksums"):
        list(sum_faults(folder))
