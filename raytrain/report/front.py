"""A study's Pareto front: its trials in; a table of them, and each as a baseline that raytrain.fit trains, out."""

from collections.abc import Sequence
from pathlib import Path

from raytrain.config.dump import dump_yaml
from raytrain.files import write_text
from raytrain.report.table import Cell, TrialTable, product_text
from raytrain.results.choose import MEASURES, measures
from raytrain.results.records import TrialRecord
from raytrain.results.verdict import label
from raytrain.results.wording import number_text, short

FOLDER = "front"
ABOUT = "No trial is as good as one of these in WER, memory and time and better in one of them."
_DIGITS = (3, 2, 1)


def front_table(front: Sequence[TrialRecord], *, best: TrialRecord | None, baseline: TrialRecord | None) -> TrialTable:
    """A row a trial, with what it is judged by; the order of the front, lowest WER first."""
    headings = ["trial", "batch × accumulation = effective", "learning rate", *MEASURES, "train it with"]
    rows, marks = [], []
    for record in front:
        marked = [
            name for name, one in (("baseline", baseline), ("best", best)) if one and one.trial_id == record.trial_id
        ]
        marks.append(", ".join(marked))
        rate = record.config.training.learning_rate
        rows.append(
            [
                Cell(text=f"{record.number} ({marks[-1]})" if marked else str(record.number), value=record.number),
                Cell(text=product_text(record), value=record.effective_batch_size),
                Cell(text=short(rate), value=rate),
                *(
                    Cell(text=number_text(value, digits), value=value)
                    for value, digits in zip(measures(record) or (), _DIGITS, strict=True)
                ),
                Cell(text=_file(record)),
            ]
        )
    return TrialTable(headings=headings, rows=rows, marks=marks)


def front_lines(front: Sequence[TrialRecord]) -> list[str]:
    """The same for the terminal, a line a trial."""
    told = []
    for record in front:
        wer, memory_gib, seconds = measures(record) or (0.0, 0.0, 0.0)
        told.append(
            f"trial {record.number}: {label(record)}: WER {wer:.3f}, {memory_gib:.2f} GiB, "
            f"{seconds:.1f} s per 1000 clips"
        )
    return told


def write_front(folder: Path, front: Sequence[TrialRecord]) -> None:
    """front/trial-0003.yaml and so on in a study's folder; what left the front goes."""
    names = {_file(record) for record in front}
    for path in (folder / FOLDER).glob("trial-*.yaml"):
        if f"{FOLDER}/{path.name}" not in names:
            path.unlink()
    for record in front:
        write_text(folder / _file(record), dump_yaml(record.config))


def _file(record: TrialRecord) -> str:
    return f"{FOLDER}/{record.trial_id}.yaml"
