"""A study's results in; report.md out, for reading in a terminal and in code review."""

from collections.abc import Iterable, Sequence

from raytrain.report.edits import aligned
from raytrain.report.figures.hours import gpu_occupancy
from raytrain.report.figures.scores import predicted_against_measured
from raytrain.report.front import ABOUT, front_table
from raytrain.report.study_results import (
    StudyResults,
    commands,
    cost,
    facts,
    memory_name,
    outcomes,
    provenance_lines,
    warnings,
    worst_utterances,
)
from raytrain.report.table import markdown_table
from raytrain.results.wording import key_name

_WORST = 5


def markdown(study: StudyResults) -> str:
    """The whole report; what must be known first stands first."""
    parts = [f"# {study.folder.name}", *(f"> {caveat}" for caveat in study.description.caveats())]
    parts += ["## Verdict", f"**{study.verdict.sentence}**", *_bullets(warnings(study))]
    told = facts(study)
    if told:
        rows = [[fact.name, fact.best, fact.baseline, fact.difference] for fact in told]
        parts += ["## The best trial and the baseline", _table(["", "best", "baseline", "difference"], rows)]
    if study.front:
        front = front_table(study.front, best=study.best, baseline=study.baseline)
        parts += ["## Pareto front", ABOUT, markdown_table(front).rstrip()]
    if study.records:
        parts += ["## Trials", f"Memory is the {memory_name(study.records)}.", markdown_table(study.table).rstrip()]
    if study.importance:
        parts += ["## What mattered", *_bullets(_shares(study))]
    measured = [made.caption for make in (predicted_against_measured, gpu_occupancy) if (made := make(study))]
    parts += ["## How trials ended", *_bullets(_ended(study)), " ".join([cost(study), *measured])]
    worst = worst_utterances(study, count=_WORST)
    if worst:
        parts += ["## Where the best trial errs most", *_bullets(map(_marked, worst))]
    parts += ["## To go on", *(f"{what[0].upper()}{what[1:]}:\n\n    {command}" for what, command in commands(study))]
    parts += ["## Provenance", *_bullets(f"{name}: {value}" for name, value in provenance_lines(study))]
    return "\n\n".join(parts) + "\n"


def _ended(study: StudyResults) -> list[str]:
    told = []
    for outcome, number, why in outcomes(study.records):
        told.append(f"{outcome}: {number}" + "".join(f"\n    - {_plain(reason)}" for reason in why))
    return told


def _shares(study: StudyResults) -> list[str]:
    ordered = sorted(study.importance.items(), key=lambda pair: (-pair[1], pair[0]))
    return [f"{key_name(key)}: {100 * share:.0f} %" for key, share in ordered]


def _marked(row: dict[str, str]) -> str:
    """~~Left out~~, **put in**, and one word taken for another as both."""
    words = []
    for piece in aligned(row["reference"], row["hypothesis"]):
        if piece.kind == "same":
            words.append(piece.hypothesis)
        else:
            words += [f"~~{piece.reference}~~"] * bool(piece.reference) + [f"**{piece.hypothesis}**"] * bool(
                piece.hypothesis
            )
    return f"{row['utterance_id']} (age {row['age_bucket']}): {' '.join(words)}"


def _plain(text: str) -> str:
    """A reason on one line, with nothing that Markdown would read."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _bullets(lines: Iterable[str]) -> list[str]:
    """One block of list items, or nothing."""
    items = [f"- {line}" for line in lines]
    return ["\n".join(items)] if items else []


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(headings) - 1)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)
