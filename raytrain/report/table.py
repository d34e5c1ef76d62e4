"""The table of a study's trials: records in, the same cells out for the terminal, for Markdown and for HTML."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from raytrain.config.constants import AGE_BUCKETS
from raytrain.results.choose import peak_memory_gib
from raytrain.results.records import TrialRecord
from raytrain.results.study_results import StudyResults
from raytrain.results.wording import number_text, short, split_text, trained_text
from raytrain.terminal import printable

_TRAINED_WITH = ("batch × accumulation = effective", "learning rate")


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
    marks: list[str]
    """The role of each row's trial: "baseline", "best", "baseline, best" or ""."""

    @property
    def texts(self) -> list[list[str]]:
        """The cells' texts, row by row."""
        return [[cell.text for cell in row] for row in self.rows]

    @property
    def numeric(self) -> list[bool]:
        """For each column, whether its cells are numbers, to be set flush right."""
        return [any(row[column].value is not None for row in self.rows) for column in range(len(self.headings))]


def trial_table(study: StudyResults, *, with_ages: bool = True) -> TrialTable:
    """The table of a study's trials, a row each, in the order of their numbers; without ages, without sources too."""
    seen = {bucket for record in study.records for bucket in record.wer_by_age_bucket if with_ages}
    buckets = [bucket for bucket in AGE_BUCKETS if bucket in seen] + sorted(seen - set(AGE_BUCKETS))
    sources = dict.fromkeys(name for record in study.records for name in record.wer_by_source if with_ages)

    sets = dict.fromkeys(name for record in study.records for name in record.also if with_ages)

    def cells(record: TrialRecord) -> list[Cell]:
        again = "" if record.inherited_from is None else f", as {record.inherited_from}"
        return [
            number_cell(record.eval_wer, 3),
            *(number_cell(record.wer_by_age_bucket.get(bucket), 3) for bucket in buckets),
            *(number_cell(record.wer_by_source.get(name), 3) for name in sources),
            *(number_cell(record.also.get(name), 3) for name in sets),
            number_cell(peak_memory_gib(record), 2),
            number_cell(record.train_examples_per_s, 1),
            Cell(text=f"{record.outcome}{again}"),
        ]

    groups = [f"{study.rate} {name}" for name in (*buckets, *sources, *sets)]
    headings = [study.rate, *groups, "peak memory GiB", "clips/s", "outcome"]
    return table_of(study, study.records, headings=headings, cells=cells)


def table_of(
    study: StudyResults,
    records: Sequence[TrialRecord],
    *,
    headings: Sequence[str],
    cells: Callable[[TrialRecord], list[Cell]],
) -> TrialTable:
    """A table of these trials: which each is and the first of its cells under these headings, which a narrow window
    shows without scrolling; then what it was trained with, and the other cells."""
    marks = [", ".join(study.roles(record)) for record in records]
    # In a study that trains all weights in every trial it says nothing.
    adapted = any(record.config.model.adapter is not None for record in records)
    trained = [[Cell(text=trained_text(record.config))] if adapted else [] for record in records]
    rows = []
    for record, mark, told in zip(records, marks, trained, strict=True):
        first, *others = cells(record)
        rows.append([_which(record, mark), first, *_trained_with(record), *told, *others])
    first_heading, *others_headings = headings
    told_headings = [*_TRAINED_WITH, *(["trained"] if adapted else [])]
    return TrialTable(headings=["trial", first_heading, *told_headings, *others_headings], rows=rows, marks=marks)


def _which(record: TrialRecord, mark: str) -> Cell:
    again = "" if record.finalist_of is None else f" (seed {record.seed} of {record.finalist_of})"
    return Cell(text=f"{record.number}{f' ({mark})' if mark else ''}{again}", value=record.number)


def _trained_with(record: TrialRecord) -> list[Cell]:
    rate = record.config.training.learning_rate
    return [
        Cell(text=product_text(record), value=record.effective_batch_size),
        Cell(text=short(rate), value=rate),
    ]


def number_cell(value: float | None, digits: int) -> Cell:
    """A cell of a number with this many decimals, or of a dash where there is none."""
    return Cell(text=number_text(value, digits), value=value)


def print_trials(study: StudyResults, *, stderr: bool = False) -> None:
    """Show the table of trials in the terminal; a narrow one has no WER by age and source."""
    console = Console(stderr=stderr, markup=False)
    if not console.is_terminal:
        # In a file or a pipe nobody widens the window.
        console = Console(stderr=stderr, width=160, markup=False)
    drawn = _rich_table(trial_table(study))
    unbounded = console.options.update(width=10_000)
    if Measurement.get(console, unbounded, drawn).maximum > console.width:
        drawn = _rich_table(trial_table(study, with_ages=False))
    console.print(drawn)


def _rich_table(table: TrialTable) -> Table:
    """The table for the terminal: cells on one line each, the best row in green."""
    drawn = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for heading, numeric in zip(table.headings, table.numeric, strict=True):
        lines = heading.replace(" × ", " ×\n").replace(" = ", "\n= ") if "=" in heading else heading.replace(" ", "\n")
        drawn.add_column(lines, justify="right" if numeric and heading != "trial" else "left", no_wrap=True)
    for texts, mark in zip(table.texts, table.marks, strict=True):
        drawn.add_row(*map(printable, texts), style="bold green" if "best" in mark else None)
    return drawn


def product_text(record: TrialRecord) -> str:
    """How the effective batch of a trial came about: 12 × 3 = 36, with several workers 12 × 3 × 2 = 72."""
    return f"{split_text(record.config)} = {record.effective_batch_size}"
