"""`verify` reads every byte, and names what is not as it was archived."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from runs import WHY, make_fit

from raytrain.archive.checksums import FILE_NAME, Manifest
from raytrain.archive.store import Archive
from raytrain.errors import Damaged

WEIGHTS = "checkpoints/step-001500/model.safetensors"


@pytest.fixture
def entry(project: Path, archive: Archive) -> Path:
    archive.add(make_fit(project / "results" / "run"), why=WHY)
    return archive.home / "run"


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def faults_of(archive: Archive) -> str:
    return "\n".join(archive.verify("run")["run"])


def test_a_flipped_byte_is_named(archive: Archive, entry: Path) -> None:
    flip(entry / WEIGHTS, 1234)
    assert faults_of(archive) == f"{WEIGHTS}: its bytes are not those that were archived"


def test_a_missing_file_is_named(archive: Archive, entry: Path) -> None:
    (entry / WEIGHTS).unlink()
    assert faults_of(archive) == f"{WEIGHTS}: missing"


def test_a_file_cut_short_is_named_with_both_sizes(archive: Archive, entry: Path) -> None:
    os.truncate(entry / WEIGHTS, 100)
    assert faults_of(archive) == f"{WEIGHTS}: 100 bytes, 3000 were archived"


def test_a_file_and_a_folder_too_many_are_named(archive: Archive, entry: Path) -> None:
    (entry / "more").mkdir()
    (entry / "more" / "notes.txt").write_text("mine")
    assert faults_of(archive) == "more/notes.txt: not archived with the run\nmore/: not archived with the run"


def test_a_missing_empty_folder_is_named(archive: Archive, entry: Path) -> None:
    (entry / "empty folder").rmdir()
    assert faults_of(archive) == "empty folder/: missing"


def test_a_link_that_points_elsewhere_is_named(archive: Archive, entry: Path) -> None:
    (entry / "checkpoints" / "latest").unlink()
    (entry / "checkpoints" / "latest").symlink_to("/etc")
    assert "checkpoints/latest: a link to /etc, to step-001500 when it was archived" in faults_of(archive)


def test_a_pipe_among_the_files_is_named(archive: Archive, entry: Path) -> None:
    os.mkfifo(entry / "pipe")
    assert "pipe: neither a file, a folder nor a link" in faults_of(archive)


def test_a_truncated_manifest_is_named(archive: Archive, entry: Path) -> None:
    os.truncate(entry / FILE_NAME, 300)
    assert faults_of(archive).startswith(f"{FILE_NAME}: truncated or not a manifest")


def test_an_edited_manifest_is_named_even_where_its_files_agree(archive: Archive, entry: Path) -> None:
    text = (entry / FILE_NAME).read_text()
    (entry / FILE_NAME).write_text(text.replace(WHY, "small was no good"))
    assert faults_of(archive) == f"{FILE_NAME}: edited: its sha256 is not that of its text"


def test_no_byte_of_the_manifest_can_be_flipped_unseen(entry: Path) -> None:
    content = (entry / FILE_NAME).read_bytes()
    assert [place for place in range(len(content)) if not is_refused(content, place)] == []


def is_refused(content: bytes, place: int) -> bool:
    """Whether the manifest's text with one bit of this byte flipped is Damaged."""
    flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    with pytest.raises(Damaged) as refused:
        Manifest.parse(flipped.decode())
    return bool(refused.value.faults)


def test_a_missing_manifest_is_named(archive: Archive, entry: Path) -> None:
    (entry / FILE_NAME).unlink()
    assert faults_of(archive) == f"{FILE_NAME}: missing"


def test_a_manifest_of_another_run_is_named(archive: Archive, entry: Path) -> None:
    entry.rename(archive.home / "other")
    assert archive.verify() == {"other": [f"{FILE_NAME}: of run, in the folder of other"]}


def test_a_damaged_run_is_not_restored(project: Path, archive: Archive, entry: Path) -> None:
    flip(entry / WEIGHTS, 0)
    with pytest.raises(Damaged, match=r"run: checkpoints/step-001500/model\.safetensors: its bytes are not"):
        archive.restore("run")
    assert entry.exists()
    assert not (project / "results" / "run").exists()


def test_a_manifest_that_leads_out_of_the_archive_is_refused(archive: Archive, entry: Path) -> None:
    manifest = archive.read("run")
    outside = {"../../stolen.txt": next(iter(manifest.files.values()))}
    (entry / FILE_NAME).write_text(replace(manifest, files=outside).render())
    assert faults_of(archive) == f"{FILE_NAME}: ../../stolen.txt: leads out of the archive"
