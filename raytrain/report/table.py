"""The table of a study's trials: records in, the same cells out for the terminal, for Markdown and for HTML."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from raytrain.config.constants import AGE_BUCKETS
from raytrain.results.choose import peak_memory_gib
from raytrain.results.records import TrialRecord
from raytrain.results.study_results import StudyResults
from raytrain.results.wording import number_text, short, split_text

HEADINGS = ("trial", "batch × accumulation = effective", "learning rate")
"""Headings of the cells that every table of trials begins with."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell's text, and the number to sort by where there is one."""

    text: str
    value: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrialTable:
    """Headings and a row of cells for each trial; marks say which rows are the baseline and the best."""

    headings: list[str]
    rows: list[list[Cell]]
    marks: list[str] = field(default_factory=list)
    """The role of each row's trial: "baseline", "best", "baseline, best" or ""."""

    @property
    def texts(self) -> list[list[str]]:
        """The cells' texts, row by row."""
        return [[cell.text for cell in row] for row in self.rows]

    @property
    def numeric(self) -> list[bool]:
        """For each column, whether its cells are numbers, to be set flush right."""
        return [any(row[column].value is not None for row in self.rows) for column in range(len(self.headings))]


def trial_table(study: StudyResults) -> TrialTable:
    """The table of a study's trials, a row each, in the order of their numbers."""
    seen = {bucket for record in study.records for bucket in record.wer_by_age_bucket}
    buckets = [bucket for bucket in AGE_BUCKETS if bucket in seen] + sorted(seen - set(AGE_BUCKETS))
    ages = [f"WER {bucket}" for bucket in buckets]
    marks = [", ".join(study.roles(record)) for record in study.records]
    return TrialTable(
        headings=[*HEADINGS, "WER", *ages, "peak memory GiB", "clips/s", "outcome"],
        rows=[_row(record, buckets, mark=mark) for record, mark in zip(study.records, marks, strict=True)],
        marks=marks,
    )


def first_cells(record: TrialRecord, *, mark: str) -> list[Cell]:
    """The cells under HEADINGS: which trial it is, and what it was trained with."""
    rate = record.config.training.learning_rate
    again = "" if record.finalist_of is None else f" (seed {record.seed} of {record.finalist_of})"
    return [
        Cell(text=f"{record.number}{f' ({mark})' if mark else ''}{again}", value=record.number),
        Cell(text=product_text(record), value=record.effective_batch_size),
        Cell(text=short(rate), value=rate),
    ]


def number_cell(value: float | None, digits: int) -> Cell:
    """A cell of a number with this many decimals, or of a dash where there is none."""
    return Cell(text=number_text(value, digits), value=value)


def print_trials(study: StudyResults, *, stderr: bool = False) -> None:
    """Show the table of trials in the terminal; a narrow one goes without the age columns, which the report has."""
    table = trial_table(study)
    console = Console(stderr=stderr)
    if not console.is_terminal:
        # In a file or a pipe nobody widens the window.
        console = Console(stderr=stderr, width=160)
    drawn = _rich_table(table)
    unbounded = console.options.update(width=10_000)
    if Measurement.get(console, unbounded, drawn).maximum > console.width:
        drawn = _rich_table(_without_ages(table))
    console.print(drawn)


def _rich_table(table: TrialTable) -> Table:
    """The table for the terminal: cells on one line each, the best row in green."""
    drawn = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for heading, numeric in zip(table.headings, table.numeric, strict=True):
        lines = heading.replace(" × ", " ×\n").replace(" = ", "\n= ") if "=" in heading else heading.replace(" ", "\n")
        drawn.add_column(lines, justify="right" if numeric and heading != "trial" else "left", no_wrap=True)
    for texts, mark in zip(table.texts, table.marks, strict=True):
        drawn.add_row(*texts, style="bold green" if "best" in mark else None)
    return drawn


def product_text(record: TrialRecord) -> str:
    """How the effective batch of a trial came about: 12 × 3 = 36, with several workers 12 × 3 × 2 = 72."""
    return f"{split_text(record.config)} = {record.effective_batch_size}"


def _row(record: TrialRecord, buckets: Sequence[str], *, mark: str) -> list[Cell]:
    outcome = str(record.outcome) if record.inherited_from is None else f"{record.outcome}, as {record.inherited_from}"
    return [
        *first_cells(record, mark=mark),
        number_cell(record.eval_wer, 3),
        *(number_cell(record.wer_by_age_bucket.get(bucket), 3) for bucket in buckets),
        number_cell(peak_memory_gib(record), 2),
        number_cell(record.train_examples_per_s, 1),
        Cell(text=outcome),
    ]


def _without_ages(table: TrialTable) -> TrialTable:
    kept = [place for place, heading in enumerate(table.headings) if not heading.startswith("WER ")]
    return TrialTable(
        headings=[table.headings[place] for place in kept],
        rows=[[row[place] for place in kept] for row in table.rows],
        marks=table.marks,
    )
