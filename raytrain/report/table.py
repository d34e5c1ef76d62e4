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
from raytrain.results.wording import number_text, short, split_text


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What is shown, and the number to sort by where there is one."""

    text: str
    value: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrialTable:
    """Headings and one row of cells a trial; a mark says which rows are the baseline and the best."""

    headings: list[str]
    rows: list[list[Cell]]
    marks: list[str] = field(default_factory=list)
    """By row: baseline, best, "baseline, best" or nothing."""

    @property
    def numeric(self) -> list[bool]:
        """By column: whether its cells are numbers, set flush right."""
        return [any(row[column].value is not None for row in self.rows) for column in range(len(self.headings))]


def trial_table(
    records: Sequence[TrialRecord], *, best: TrialRecord | None = None, baseline: TrialRecord | None = None
) -> TrialTable:
    """A row a trial in the order of their numbers."""
    buckets = _buckets(records)
    headings = ["trial", "batch × accumulation = effective", "learning rate", "WER"]
    headings += [f"WER {bucket}" for bucket in buckets] + ["peak memory GiB", "clips/s", "outcome"]
    ordered = sorted(records, key=lambda record: (record.number, record.started_at))
    rows, marks = [], []
    for record in ordered:
        names = [name for name, marked in (("baseline", baseline), ("best", best)) if _same(record, marked)]
        marks.append(", ".join(names))
        rows.append(_row(record, buckets, mark=marks[-1]))
    return TrialTable(headings=headings, rows=rows, marks=marks)


def print_trials(table: TrialTable, *, stderr: bool = False) -> None:
    """Show it in the terminal; a narrow one goes without the age columns, which the report has."""
    console = Console(stderr=stderr)
    if not console.is_terminal:
        # In a file or a pipe nobody widens the window.
        console = Console(stderr=stderr, width=160)
    drawn = rich_table(table)
    unbounded = console.options.update(width=10_000)
    if Measurement.get(console, unbounded, drawn).maximum > console.width:
        drawn = rich_table(_without_ages(table))
    console.print(drawn)


def rich_table(table: TrialTable) -> Table:
    """For the terminal: cells on one line each, the best row in green."""
    drawn = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for heading, numeric in zip(table.headings, table.numeric, strict=True):
        lines = heading.replace(" × ", " ×\n").replace(" = ", "\n= ") if "=" in heading else heading.replace(" ", "\n")
        drawn.add_column(lines, justify="right" if numeric and heading != "trial" else "left", no_wrap=True)
    for row, mark in zip(table.rows, table.marks, strict=True):
        drawn.add_row(*(cell.text for cell in row), style="bold green" if "best" in mark else None)
    return drawn


def markdown_table(table: TrialTable) -> str:
    """For report.md; the best row is set bold."""
    lines = ["| " + " | ".join(table.headings) + " |"]
    lines.append("|" + "|".join("---:" if numeric else "---" for numeric in table.numeric) + "|")
    for row, mark in zip(table.rows, table.marks, strict=True):
        cells = [cell.text.replace("|", "\\|") for cell in row]
        lines.append("| " + " | ".join(f"**{cell}**" if "best" in mark else cell for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def product_text(record: TrialRecord) -> str:
    """batch × accumulation (× workers) = effective."""
    return f"{split_text(record.config)} = {record.effective_batch_size}"


def _row(record: TrialRecord, buckets: Sequence[str], *, mark: str) -> list[Cell]:
    rate = record.config["training"]["learning_rate"]
    name = f"{record.number} ({mark})" if mark else str(record.number)
    if record.finalist_of is not None:
        name += f" (seed {record.seed} of {record.finalist_of})"
    outcome = str(record.outcome) if record.inherited_from is None else f"{record.outcome}, as {record.inherited_from}"
    return [
        Cell(text=name, value=record.number),
        Cell(text=product_text(record), value=record.effective_batch_size),
        Cell(text=short(rate), value=rate),
        _cell(record.eval_wer, 3),
        *(_cell(record.wer_by_age_bucket.get(bucket), 3) for bucket in buckets),
        _cell(peak_memory_gib(record), 2),
        _cell(record.train_examples_per_s, 1),
        Cell(text=outcome),
    ]


def _cell(value: float | None, digits: int) -> Cell:
    return Cell(text=number_text(value, digits), value=value)


def _buckets(records: Sequence[TrialRecord]) -> list[str]:
    """The age buckets that were scored, youngest first."""
    seen = {bucket for record in records for bucket in record.wer_by_age_bucket}
    return [bucket for bucket in AGE_BUCKETS if bucket in seen] + sorted(seen - set(AGE_BUCKETS))


def _without_ages(table: TrialTable) -> TrialTable:
    kept = [place for place, heading in enumerate(table.headings) if not heading.startswith("WER ")]
    return TrialTable(
        headings=[table.headings[place] for place in kept],
        rows=[[row[place] for place in kept] for row in table.rows],
        marks=table.marks,
    )


def _same(record: TrialRecord, other: TrialRecord | None) -> bool:
    return other is not None and record.trial_id == other.trial_id
