"""A study's folder in; report.md and report.html in it out. From its files alone, the same bytes every time."""

from pathlib import Path

from raytrain.results.folders import write_text
from raytrain.results.report_html import html
from raytrain.results.report_markdown import markdown
from raytrain.results.study_results import StudyResults, load_study


def write_report(folder: Path) -> StudyResults:
    """Write both forms anew; what they say."""
    study = load_study(folder)
    write_text(folder / "report.md", markdown(study))
    write_text(folder / "report.html", html(study))
    return study
