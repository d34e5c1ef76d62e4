"""Into the archive and back, on one file system and across two."""

import json
from pathlib import Path

from runs import WHY, archived_contents, contents, debris, make_fit, without_own_time

from raytrain.archive.store import Archive


def test_a_run_is_moved_with_every_byte_mode_time_link_and_empty_folder(project: Path, archive: Archive) -> None:
    run = make_fit(project / "results" / "run")
    before = contents(run)
    archive.add(run, why=WHY)
    assert not run.exists()
    assert archived_contents(archive, "run") == without_own_time(before)
    assert archive.verify() == {"run": []}


def test_a_restored_run_is_what_it_was_and_the_archive_keeps_a_record(project: Path, archive: Archive) -> None:
    run = make_fit(project / "results" / "run")
    before = contents(run)
    archive.add(run, why=WHY)
    assert archive.restore("run") == run
    assert contents(run) == before
    assert archive.names() == []
    record = json.loads((archive.home / "restored" / "run.json").read_text())
    assert (record["why"], record["restored_to"]) == (WHY, "results/run")


def test_across_file_systems_nothing_is_lost_either(archive: Archive, other_disk: Path) -> None:
    run = make_fit(other_disk / "run")
    before = contents(run)
    archive.add(run, why=WHY, outside=True)
    assert not run.exists()
    assert archived_contents(archive, "run") == without_own_time(before)
    archive.restore("run")
    assert contents(run) == before
    assert debris(other_disk, archive.home) == []


def test_a_run_goes_to_another_place_if_asked(project: Path, archive: Archive, other_disk: Path) -> None:
    run = make_fit(project / "results" / "run")
    before = contents(run)
    archive.add(run, why=WHY)
    assert archive.restore("run", to=other_disk / "looked-at") == other_disk / "looked-at"
    assert contents(other_disk / "looked-at") == before
    assert not run.exists()


def test_keep_leaves_the_archive_as_it_is(project: Path, archive: Archive) -> None:
    run = make_fit(project / "results" / "run")
    before = contents(run)
    archive.add(run, why=WHY)
    archive.restore("run", keep=True)
    assert contents(run) == before
    assert archived_contents(archive, "run") == without_own_time(before)
    assert archive.verify() == {"run": []}


def test_the_same_command_again_changes_nothing(project: Path, archive: Archive) -> None:
    run = make_fit(project / "results" / "run")
    first = archive.add(run, why=WHY)
    assert archive.add(run, why=WHY) == first
    archive.restore("run")
    before = contents(run)
    assert archive.restore("run") == run
    assert contents(run) == before


def test_a_restored_run_can_be_archived_again(project: Path, archive: Archive) -> None:
    run = make_fit(project / "results" / "run")
    archive.add(run, why=WHY)
    archive.restore("run")
    archive.add(run, why="for good")
    assert archive.read("run").why == "for good"
    assert "Went back" not in (archive.home / "README.md").read_text()


def test_a_results_folder_that_is_a_link_to_another_disk_belongs_to_the_project(
    tmp_path: Path, other_disk: Path
) -> None:
    run = make_fit(other_disk / "run")
    before = contents(run)
    (tmp_path / "results").symlink_to(other_disk)
    archive = Archive(tmp_path / "archive")
    assert archive.add(tmp_path / "results" / "run", why=WHY).origin == "results/run"
    assert archive.restore("run") == tmp_path / "results" / "run"
    assert contents(run) == before


def test_the_manifest_says_what_when_why_with_which_versions_and_from_where(project: Path, archive: Archive) -> None:
    manifest = archive.add(
        make_fit(project / "results" / "run"), why=WHY, name="medium", replaced_by="results/2026-01-02_small"
    )
    assert manifest == archive.read("medium")
    assert (manifest.kind, manifest.why, manifest.origin) == ("fit", WHY, "results/run")
    assert manifest.replaced_by == "results/2026-01-02_small"
    assert (manifest.commit, manifest.versions["torch"]) == ("0" * 40, "2.13.0")
    assert manifest.files["predictions.jsonl"].size == 56


def test_the_index_has_a_line_a_run_and_keeps_what_people_wrote(project: Path, archive: Archive) -> None:
    archive.add(make_fit(project / "results" / "run"), why="a | b", replaced_by="small")
    index = archive.home / "README.md"
    index.write_text(f"Ours.\n\n{index.read_text()}\nAlso ours.\n")
    archive.add(make_fit(project / "results" / "other"), why=WHY)
    text = index.read_text()
    assert text.startswith("Ours.\n")
    assert text.endswith("Also ours.\n")
    assert "| [run](run/) | fit, medium, 8 × 4 | 0.1900 | " in text
    assert "| a \\| b | small | `results/run` |" in text
    assert "| [other](other/) |" in text


def test_a_lost_index_is_made_again(project: Path, archive: Archive) -> None:
    archive.add(make_fit(project / "results" / "run"), why=WHY)
    (archive.home / "README.md").unlink()
    archive.recover()
    assert "| [run](run/) |" in (archive.home / "README.md").read_text()
