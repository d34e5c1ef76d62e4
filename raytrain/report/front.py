"""A study's Pareto front: its trials in; a table of them, and each as a baseline that raytrain.fit trains, out."""

from collections.abc import Sequence
from pathlib import Path

from raytrain.config.dump import dump_yaml
from raytrain.config.languages import Rate
from raytrain.files import write_text
from raytrain.report.table import Cell, TrialTable, number_cell, table_of
from raytrain.results.choose import measure_names, measures
from raytrain.results.records import TrialRecord
from raytrain.results.study_results import StudyResults
from raytrain.results.wording import trial_title

_FOLDER = "front"
_DIGITS = (3, 2, 1)


def front_table(study: StudyResults) -> TrialTable:
    """A table of the front: a row a trial with what it is judged by, lowest WER first."""

    def cells(record: TrialRecord) -> list[Cell]:
        return [*map(number_cell, measures(record) or (), _DIGITS), Cell(text=_file(record))]

    return table_of(study, study.front, headings=[*measure_names(study.rate), "train it with"], cells=cells)


def about_front(rate: Rate) -> str:
    """What the front is, in a sentence."""
    return f"No trial is as good as one of these in {rate}, memory and time and better in one of them."


def front_lines(front: Sequence[TrialRecord]) -> list[str]:
    """The front for the terminal, a line a trial."""
    known = [(record, found) for record in front if (found := measures(record)) is not None]
    return [
        f"{trial_title(record)}: {record.config.model.rate()} {error_rate:.3f}, {memory_gib:.2f} GiB, "
        f"{seconds:.1f} s per 1000 clips"
        for record, (error_rate, memory_gib, seconds) in known
    ]


def write_front(folder: Path, front: Sequence[TrialRecord]) -> None:
    """Write front/trial-0003.yaml and so on in a study's folder; delete those of trials that left the front."""
    configs = {folder / _file(record): record.config for record in front}
    for path in set((folder / _FOLDER).glob("trial-*.yaml")) - configs.keys():
        path.unlink()
    for path, config in configs.items():
        write_text(path, dump_yaml(config))


def _file(record: TrialRecord) -> str:
    return f"{_FOLDER}/{record.trial_id}.yaml"
