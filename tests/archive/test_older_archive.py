"""What an earlier raytrain archived, kept in `older/`, can still be listed, shown, verified and restored."""

import json
import shutil
from pathlib import Path

import pytest
from test_door import call

from raytrain.archive.store import Archive

NAME = "2026-03-01_medium"


@pytest.fixture
def older(project: Path, archive: Archive) -> Archive:
    shutil.copytree(Path(__file__).with_name("older"), archive.home, symlinks=True)
    return archive


def test_it_is_listed_and_shown_with_what_it_says_of_itself(project: Path, older: Archive) -> None:
    (row,) = json.loads(call(project, "list", "--json").stdout)["archived"]
    assert (row["name"], row["what"], row["best_eval_wer"]) == (NAME, "fit, medium, 8 × 4", 0.19)
    assert "versions: python 3.11.2, torch 2.13.0\n" in call(project, "show", NAME).stdout


def test_it_is_whole(older: Archive) -> None:
    assert older.verify() == {NAME: []}


def test_it_goes_back_where_it_came_from(project: Path, older: Archive) -> None:
    assert older.restore(NAME) == project / "results" / NAME
    assert (project / "results" / NAME / "checkpoints" / "latest" / "config.json").is_file()


def test_its_manifest_is_refused_with_a_byte_of_what_is_not_read_any_more_changed(older: Archive) -> None:
    manifest = older.home / NAME / "MANIFEST.json"
    manifest.write_text(manifest.read_text().replace('"versions_are_the_runs": true', '"versions_are_the_runs": false'))
    assert older.verify() == {NAME: ["MANIFEST.json: edited: its sha256 is not that of its text"]}
