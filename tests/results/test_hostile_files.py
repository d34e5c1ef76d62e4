"""However a study's files are damaged, who reads them gets what they hold, or one line that names the file."""

import random
import shutil
from pathlib import Path

import pytest
from hostile_files import damaged

from raytrain.errors import InputError
from raytrain.report.comparison import read_run
from raytrain.results.description import read_description
from raytrain.results.study_results import load_study, worst_utterances
from raytrain.study.history import History

STUDIES = Path(__file__).parents[1] / "data" / "studies"


@pytest.mark.parametrize("seed", range(200))
def test_a_damaged_study_is_read_or_refused_in_one_line_that_names_it(tmp_path: Path, seed: int) -> None:
    folder, rng = tmp_path / "study", random.Random(seed)
    shutil.copytree(STUDIES / rng.choice(["version-1", "version-2"]), folder)
    damage = damaged(folder, rng)
    refusals: list[str] = []
    for read in (_loaded, read_run, _resumed):
        try:
            read(folder)
        except InputError as error:
            refusals.append(str(error))
    assert all(str(folder) in refusal and "\n" not in refusal for refusal in refusals), (damage, refusals)


def _loaded(folder: Path) -> None:
    worst_utterances(load_study(folder), count=5)


def _resumed(folder: Path) -> None:
    history = History(folder, read_description(folder, to_go_on=True))
    history.tried()
    history.unfinished()
