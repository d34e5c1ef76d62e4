"""A study's folder in; report.md and report.html in it, and the baselines that they name, out.

From its files alone, the same bytes every time.
"""

from pathlib import Path

from raytrain.config.dump import dump_yaml
from raytrain.files import write_text
from raytrain.report.front import write_front
from raytrain.report.study_html import html
from raytrain.report.study_markdown import markdown
from raytrain.report.study_results import StudyResults, load_study


def write_report(folder: Path) -> StudyResults:
    """Write both forms anew, best.yaml and the front's files; what they say."""
    study = load_study(folder)
    if study.best is not None:
        write_text(folder / "best.yaml", dump_yaml(study.best.config))
    write_front(folder, study.front)
    write_text(folder / "report.md", markdown(study))
    write_text(folder / "report.html", html(study))
    return study
