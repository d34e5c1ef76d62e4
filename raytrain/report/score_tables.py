"""Models on a test set in; the tables and sentences of a score's report and of the terminal out."""

from collections.abc import Sequence

from raytrain.config.languages import normaliser_of
from raytrain.report.table import Cell, TrialTable, number_cell
from raytrain.results.scores import GroupScore, ModelScore, Scores
from raytrain.results.verdict import MIN_CHILDREN
from raytrain.results.wording import NOTHING

_MOST_GROUPS = 30
"""Of one grouping in a report: a test set may have thousands of sessions. score.json has all of them."""
_TITLES = {"age": "By age", "duration": "By length of clip", "source": "By source", "session": "By session"}


def overall_table(scores: Scores) -> TrialTable:
    """A row a model: its error rates with their intervals, and its errors by kind."""
    words = scores.rate == "WER"
    headings = ["model", scores.rate, "95 %", *(["CER", "95 %"] if words else []), "substituted", "left out", "put in"]
    headings += ["words" if words else "characters", "utterances", "children"]
    rows = []
    for one in scores.models:
        whole = one.overall
        rows.append(
            [
                Cell(text=one.name),
                number_cell(whole.rate, 4),
                _interval(whole.interval),
                *([number_cell(whole.cer, 4), _interval(one.cer_interval)] if words else []),
                *(_count(number) for number in (whole.errors.substitutions, whole.errors.deletions)),
                _count(whole.errors.insertions),
                *(_count(number) for number in (whole.errors.reference_words, whole.utterances, whole.children)),
            ]
        )
    return TrialTable(headings=headings, rows=rows, marks=[""] * len(rows))


def group_tables(scores: Scores) -> list[tuple[str, str, TrialTable]]:
    """For each grouping a title, a remark and a table: a row a group, with every model's rate and interval."""
    first = scores.models[0]
    return [
        (_TITLES[grouping], _remark(grouping, groups), _group_table(scores, grouping, groups))
        for grouping, groups in first.groups.items()
    ]


def score_notes(scores: Scores) -> list[str]:
    """What a reader needs to know of the numbers."""
    children = scores.models[0].overall.children
    notes = []
    if children < MIN_CHILDREN:
        many = "child is" if children == 1 else "children are"
        notes.append(f"{children} {many} too few for an interval: {MIN_CHILDREN} or more would do.")
    notes.append(
        f"{scores.rate} after {normaliser_of(scores.language)}, over all {_unit(scores)}. Intervals are over children, "
        "who are drawn anew 10,000 times: how far the figure would move with other children like these."
    )
    if scores.against:
        notes.append(
            f"Differences are from {scores.models[0].name}, the first, on the same children; their intervals hold for "
            "all of them at once. They are of these models as they are: what another training of the same "
            "configuration would change is not in them."
        )
    return notes


def statement(scores: Scores) -> list[str]:
    """A line a model, for the terminal."""
    return [_line(one, scores) for one in scores.models]


def _line(one: ModelScore, scores: Scores) -> str:
    whole = one.overall
    found = f"{one.name}: {scores.rate} {whole.rate:.4f}"
    if whole.interval is not None:
        found += f" (95 % {_interval(whole.interval).text} over {whole.children} children)"
    cer = f", CER {whole.cer:.4f}" if scores.rate == "WER" and whole.cer is not None else ""
    return f"{found}{cer}, {whole.errors.edits} errors in {whole.errors.reference_words} {_unit(scores)}"


def _group_table(scores: Scores, grouping: str, groups: Sequence[GroupScore]) -> TrialTable:
    several = len(scores.models) > 1
    shown = _shown(groups)
    of_model = [{group.name: group for group in one.groups[grouping]} for one in scores.models]
    headings = [grouping, "utterances", "children", _unit(scores)]
    for one in scores.models:
        headings += [f"{scores.rate} {one.name}" if several else scores.rate]
        headings += ["95 %"] if grouping != "session" else []
    rows = []
    for group in shown:
        cells = [Cell(text=group.name)]
        cells += [_count(number) for number in (group.utterances, group.children, group.errors.reference_words)]
        for by_name in of_model:
            here = by_name[group.name]
            cells.append(number_cell(here.rate, 3))
            cells += [_interval(here.interval)] if grouping != "session" else []
        rows.append(cells)
    return TrialTable(headings=headings, rows=rows, marks=[""] * len(rows))


def _shown(groups: Sequence[GroupScore]) -> Sequence[GroupScore]:
    if len(groups) <= _MOST_GROUPS:
        return groups
    return sorted(groups, key=lambda group: (-group.errors.edits, group.name))[:_MOST_GROUPS]


def _remark(grouping: str, groups: Sequence[GroupScore]) -> str:
    if len(groups) <= _MOST_GROUPS:
        return ""
    return f"The {_MOST_GROUPS} of {len(groups)} with most errors of the first model; score.json has all."


def _interval(found: tuple[float, float] | None) -> Cell:
    return Cell(text=NOTHING if found is None else f"{found[0]:.3f} to {found[1]:.3f}")


def _count(number: int) -> Cell:
    return Cell(text=str(number), value=number)


def _unit(scores: Scores) -> str:
    return "words" if scores.rate == "WER" else "characters"
