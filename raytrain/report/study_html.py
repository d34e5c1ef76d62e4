"""A study's results in; report.html out: one file with its style, figures and script inside, that asks no network."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from raytrain.report.edits import aligned
from raytrain.report.figures.hours import gpu_occupancy, hours
from raytrain.report.figures.marks import Figure
from raytrain.report.figures.scores import (
    importance,
    parallel_values,
    predicted_against_measured,
    wer_by_age,
    wer_by_length,
)
from raytrain.report.figures.trials import (
    learning_curves,
    memory_by_micro_batch,
    speed_by_micro_batch,
    wer_against_effective_batch,
    wer_against_memory,
)
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
from raytrain.report.table import TrialTable
from raytrain.results.transcripts import counts
from raytrain.results.verdict import Finding

_ASSETS = Path(__file__).with_name("assets")
_FIGURES = (
    wer_against_memory,
    wer_against_effective_batch,
    memory_by_micro_batch,
    speed_by_micro_batch,
    learning_curves,
    predicted_against_measured,
    wer_by_age,
    wer_by_length,
    importance,
    parallel_values,
    hours,
    gpu_occupancy,
)
_WORST = 20
_TONE = {Finding.BETTER: "good", Finding.WORSE: "bad"}


def html(study: StudyResults) -> str:
    """The whole page."""
    figures = [made for make in _FIGURES if (made := make(study)) is not None]
    sections = [
        _verdict(study),
        _section("The best trial and the baseline", _facts(study)),
        _section("Pareto front", _front(study)),
        _section("Figures", f'<div class="figures">{"".join(map(figure, figures))}</div>' if figures else ""),
        _section("Trials", _trials(study)),
        _section("Where the best trial errs most", _worst(study)),
        _section("How trials ended", _outcomes(study)),
        _section("To go on", "".join(_command(what, command) for what, command in commands(study))),
        _section("Provenance", _pairs(provenance_lines(study))),
    ]
    return page(study.folder.name, sections)


def page(title: str, sections: Iterable[str]) -> str:
    """An HTML document around sections. Its policy forbids every request, should one ever slip in."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    style, script = (_ASSETS.joinpath(name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n'
        f"<header><h1>{escape(title)}</h1></header>\n<main>\n{''.join(sections)}</main>\n"
        f'<div id="tip" role="status" hidden></div>\n<script>\n{script}</script>\n</body>\n</html>\n'
    )


def figure(made: Figure) -> str:
    """A figure with its title, legend and caption."""
    key = "".join(f"<span>{sign}{escape(words)}</span>" for sign, words in made.key)
    return (
        f'<figure{" class=wide" if made.wide else ""}><h3>{escape(made.title)}</h3><div class="legend">{key}</div>'
        f'<div class="plot">{made.svg}</div><figcaption>{escape(made.caption)}</figcaption></figure>\n'
    )


def table(shown: TrialTable) -> str:
    """A table whose columns sort when their heading is pressed."""
    numeric = shown.numeric
    head = "".join(
        f'<th scope="col"{" class=number" if number else ""}><button type="button">{_unbroken(heading)}</button></th>'
        for heading, number in zip(shown.headings, numeric, strict=True)
    )
    rows = []
    for row, mark in zip(shown.rows, shown.marks, strict=True):
        cells = []
        for cell, number in zip(row, numeric, strict=True):
            value = "" if cell.value is None else f' data-value="{cell.value:.10g}"'
            cells.append(f"<td{' class=number' if number else ''}{value}>{escape(cell.text)}</td>")
        kind = f' class="{escape(mark.replace(",", ""))}"' if mark else ""
        rows.append(f"<tr{kind}>{''.join(cells)}</tr>")
    return _scrolling(f'<table class="sortable"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>')


def _verdict(study: StudyResults) -> str:
    tone = _TONE.get(study.verdict.finding, "open")
    caveats = "".join(f'<p class="caveat">{escape(caveat)}</p>' for caveat in study.description.caveats())
    doubts = "".join(f"<li>{escape(warning)}</li>" for warning in warnings(study))
    listed = f'<ul class="doubts">{doubts}</ul>' if doubts else ""
    return f'<section>{caveats}<p class="verdict {tone}">{escape(study.verdict.sentence)}</p>{listed}</section>\n'


def _facts(study: StudyResults) -> str:
    told = facts(study)
    if not told:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{_unbroken(fact.name)}</th><td class="number">{_unbroken(fact.best)}</td>'
        f'<td class="number">{_unbroken(fact.baseline)}</td><td class="number">{escape(fact.difference)}</td></tr>'
        for fact in told
    )
    head = "".join(f'<th scope="col" class="number">{name}</th>' for name in ("best", "baseline", "difference"))
    return _scrolling(f'<table class="facts"><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>')


def _front(study: StudyResults) -> str:
    if not study.front:
        return ""
    return f"<p>{escape(ABOUT)}</p>{table(front_table(study.front, best=study.best, baseline=study.baseline))}"


def _trials(study: StudyResults) -> str:
    return f"<p>Memory is the {memory_name(study.records)}.</p>{table(study.table)}" if study.records else ""


def _worst(study: StudyResults) -> str:
    rows = worst_utterances(study, count=_WORST)
    if not rows:
        return ""
    items = []
    for row in rows:
        seconds = "" if row.get("duration_s") is None else f", {row['duration_s']:.1f} s"
        about = f"{row['utterance_id']}, child {row['child_id']}, age {row['age_bucket']}{seconds}: {_edits(row)}"
        items.append(f"<li><p>{_marked(row['reference'], row['hypothesis'])}</p><small>{escape(about)}</small></li>")
    legend = "<del>left out</del> <ins>put in</ins> <del>said</del><ins class=swap>heard</ins>"
    return f'<p class="legend">{legend}</p><ol class="worst">{"".join(items)}</ol>'


def _marked(reference: str, hypothesis: str) -> str:
    words = []
    for piece in aligned(reference, hypothesis):
        if piece.kind == "same":
            words.append(escape(piece.hypothesis))
        elif piece.kind == "left_out":
            words.append(f"<del>{escape(piece.reference)}</del>")
        elif piece.kind == "put_in":
            words.append(f"<ins>{escape(piece.hypothesis)}</ins>")
        else:
            words.append(f"<del>{escape(piece.reference)}</del><ins class=swap>{escape(piece.hypothesis)}</ins>")
    return " ".join(words)


def _outcomes(study: StudyResults) -> str:
    rows = []
    for outcome, number, why in outcomes(study.records):
        share = f'<span class="share {outcome}" style="width:{100 * number / len(study.records):.1f}%"></span>'
        reasons = "".join(f"<br><small>{escape(reason)}</small>" for reason in why)
        cells = f'<td class="number">{number}</td><td class="shares">{share}{reasons}</td>'
        rows.append(f'<tr><th scope="row">{outcome}</th>{cells}</tr>')
    body = _scrolling(f'<table class="outcomes"><tbody>{"".join(rows)}</tbody></table>') if rows else ""
    return f"{body}<p>{escape(cost(study))}</p>"


def _command(what: str, command: str) -> str:
    return f"<p>{escape(what[0].upper() + what[1:])}:</p><pre>{escape(command)}</pre>"


def _pairs(lines: Sequence[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in lines) + "</dl>"


def _unbroken(words: str) -> str:
    """An age like 3-4 and a rate like 1e-5 stay on one line."""
    return escape(words.replace("-", "\N{NON-BREAKING HYPHEN}"))


def _edits(row: dict[str, Any]) -> str:
    number = counts(row).edits
    return f"{number} edit{'s' if number > 1 else ''}"


def _scrolling(inside: str) -> str:
    """A table wider than a phone scrolls in its own frame."""
    return f'<div class="scroll">{inside}</div>'


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>\n" if body else ""
