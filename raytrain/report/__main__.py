"""python -m raytrain.report: write a study's report anew from its files, or set several runs side by side."""

import argparse
import webbrowser
from pathlib import Path

from rich.console import Console
from rich.table import Table

from raytrain.archive.checksums import FILE_NAME as MANIFEST
from raytrain.arguments import Parser
from raytrain.cli import run_door
from raytrain.files import write_text
from raytrain.report.answers import answers
from raytrain.report.comparison import ComparedRun, caveats, comparisons, read_run, rows
from raytrain.report.edges import edges
from raytrain.report.pages import comparison_pages
from raytrain.report.table import print_trials
from raytrain.report.write import write_report
from raytrain.results.description import STUDY_FILE
from raytrain.results.study_results import StudyResults
from raytrain.terminal import here, printable, say

_COMPARISONS = Path("results") / "comparisons"


def main() -> None:
    run_door(_report)


def _report() -> None:
    arguments = _parser().parse_args()
    folders = [Path(folder) for folder in arguments.folders]
    if len(folders) == 1 and (folders[0] / STUDY_FILE).is_file() and not _archived(folders[0]):
        page = folders[0] / "report.html"
        _print_study(_renewed(folders[0]))
    else:
        runs = [read_run(folder) for folder in folders]
        for run in runs:
            if run.summary["kind"] == "study" and not _archived(run.folder):
                _renewed(run.folder)
        page = _write_comparison(runs)
        _print_comparison(runs)
    say(f"report     {here(page)}")
    if arguments.open:
        webbrowser.open(page.absolute().as_uri())


def _archived(folder: Path) -> bool:
    """Whether a folder is archived: then it stays as it was archived, to the byte."""
    return (folder / MANIFEST).exists()


def _renewed(folder: Path) -> StudyResults:
    from raytrain.search.importance import write_importance  # imports Optuna, which a wrong path need not wait for

    write_importance(folder)
    return write_report(folder)


def _print_study(study: StudyResults) -> None:
    for caveat in study.description.caveats():
        say(caveat)
    place = here(study.folder)
    told = answers(study, place=place)
    lines = {
        "result": f"{told.chain}. {told.helped}" if told.chain else told.helped,
        "which": told.which,
        "verdict": f"{told.how_sure} {told.would_take}".rstrip(),
        "costs": told.costs,
        "next": told.next.words,
        "": told.next.command,
    }
    for name, line in lines.items():
        if line:
            say(f"{name:<10} {line}")
    for sentence, command in edges(study, place=place):
        say(f"{'note':<10} {sentence}")
        if command is not None:
            say(f"{'':<10} {command}")
    print_trials(study)


def _print_comparison(runs: list[ComparedRun]) -> None:
    for caveat in caveats(runs):
        say(caveat)
    table = Table(header_style="bold")
    table.add_column("")
    for run in runs:
        table.add_column(printable(run.name), justify="right", overflow="fold")
    for name, cells in rows(runs):
        table.add_row(name, *map(printable, cells))
    Console(markup=False).print(table)
    for sentence in comparisons(runs):
        say(sentence)


def _write_comparison(runs: list[ComparedRun]) -> Path:
    name = "_and_".join(run.name for run in runs)[:150]
    for suffix, text in comparison_pages(runs).items():
        write_text(_COMPARISONS / f"{name}{suffix}", text)
    return _COMPARISONS / f"{name}.html"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m raytrain.report",
        description="Write a study's report anew from its files; with several folders, set the runs side by side.",
        example="python -m raytrain.report results/STUDY",
    )
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="a study, a fit, or an archived run")
    parser.add_argument("--open", action="store_true", help="show the page in the browser")
    return parser


if __name__ == "__main__":
    main()
