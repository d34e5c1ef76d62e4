"""A study's results, or runs side by side, in; the same words as an HTML page and as Markdown, by file suffix, out.

The words around the values stand in templates/. A page is one file with its style, figures and script inside; what a
template shows is text and never markup, in both forms, unless the template itself calls it safe.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from raytrain.report.answers import answers
from raytrain.report.comparison import ComparedRun, caveats, comparisons, rows
from raytrain.report.edges import edges
from raytrain.report.edits import aligned, marked
from raytrain.report.figures.catalogue import figures_of
from raytrain.report.figures.learning_curves import curves_of_runs
from raytrain.report.figures.model_rates import rates_by_age
from raytrain.report.front import about_front, front_table
from raytrain.report.next_steps import commands
from raytrain.report.score_tables import group_tables, overall_table, score_notes
from raytrain.report.spent import spent_on, spent_rows
from raytrain.report.statements import (
    cost,
    facts,
    memory_name,
    numbers_sentence,
    numbers_told,
    provenance_lines,
    searched,
    warnings,
)
from raytrain.report.table import trial_table
from raytrain.results.scores import Scores
from raytrain.results.study_results import StudyResults, outcomes, worst_utterances
from raytrain.results.transcripts import counts
from raytrain.results.verdict import Finding
from raytrain.results.wording import key_name
from raytrain.terminal import printable

_HERE = Path(__file__).parent
_TEXT_IN_MARKDOWN = str.maketrans({letter: f"\\{letter}" for letter in "\\|`["} | {"&": "&amp;", "<": "&lt;"})
_TONE = {Finding.BETTER: "good", Finding.WORSE: "bad"}


def study_pages(study: StudyResults) -> dict[str, str]:
    """The whole report of a study, under ".html" and ".md"."""
    return _pages(
        "study",
        study=study,
        title=study.folder.name,
        caveats=study.description.caveats(),
        tone=_TONE.get(study.verdict.finding, "open"),
        answers=answers(study),
        edges=edges(study),
        warnings=warnings(study),
        facts=facts(study),
        about_front=about_front(study.rate),
        front=front_table(study) if study.front else None,
        figures=figures_of(study),
        memory=memory_name(study.records),
        trials=trial_table(study),
        worst=worst_utterances(study, count=20),
        numbers=numbers_sentence(study),
        language=study.description.baseline.model.text_language(),
        spaced=study.rate == "WER",
        outcomes=outcomes(study.records),
        searched=searched(study),
        cost=cost(study),
        spent=spent_rows(spent_on(study)),
        commands=commands(study),
        provenance=provenance_lines(study),
    )


def comparison_pages(runs: Sequence[ComparedRun]) -> dict[str, str]:
    """Runs in one table, with what to know first and what of their WERs compares, under ".html" and ".md"."""
    curves = curves_of_runs(runs)
    return _pages(
        "comparison",
        title=" and ".join(run.name for run in runs),
        names=[run.name for run in runs],
        caveats=caveats(runs),
        comparisons=comparisons(runs),
        rows=[[name, *cells] for name, cells in rows(runs)],
        figures=[] if curves is None else [curves],
    )


def score_pages(scores: Scores) -> dict[str, str]:
    """Models on a test set, under ".html" and ".md"."""
    return _pages(
        "score",
        title=scores.title,
        caveats=scores.all_caveats(),
        verdicts=[(_TONE.get(one.finding, "open"), one.sentence) for one in scores.against],
        notes=score_notes(scores),
        overall=overall_table(scores),
        groups=group_tables(scores),
        figures=[rates_by_age(scores)],
        worst=[
            (one.name, one.worst(20), numbers_told(one.rows, scores.language, whose=one.name)) for one in scores.models
        ],
        language=scores.language,
        spaced=scores.rate == "WER",
        data=scores.data.items(),
        models=[(one.name, one.facts.items()) for one in scores.models],
    )


def _pages(name: str, **values: Any) -> dict[str, str]:
    return {
        ".html": _environment().get_template(f"{name}.html.j2").render(values),
        ".md": _environment(_markdown_text).get_template(f"{name}.md.j2").render(values),
    }


def _environment(finalize: Callable[[Any], Any] | None = None) -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"), undefined=StrictUndefined, autoescape=True, finalize=finalize,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    made.globals |= {"zip": zip, "aligned": aligned, "marked": marked, "counts": counts, "asset": _asset}
    made.filters |= {"key_name": key_name, "unbroken": _unbroken}
    return made


def _asset(name: str) -> Markup:
    """The page's own style or script."""
    return Markup((_HERE / "assets" / name).read_text(encoding="utf-8"))


def _unbroken(words: str) -> str:
    """Words with hyphens that do not break: an age like 3-4 and a rate like 1e-5 stay on one line."""
    return words.replace("-", "\N{NON-BREAKING HYPHEN}")


def _markdown_text(value: Any) -> Markup:
    """A value on one line, as text: no HTML, link or code in it, and nothing that would end a table's cell."""
    if isinstance(value, Markup):
        return value
    return Markup(printable(" ".join(str(value).split())).translate(_TEXT_IN_MARKDOWN))
