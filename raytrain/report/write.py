"""A study's folder in; report.md and report.html in it, and the baselines that they name, out.

From its files alone, the same bytes every time.
"""

from pathlib import Path

from raytrain.config.dump import dump_yaml
from raytrain.files import write_text
from raytrain.report.front import write_front
from raytrain.report.pages import study_pages
from raytrain.results.study_results import StudyResults, load_study


def write_report(folder: Path) -> StudyResults:
    """Write report.md, report.html, best.yaml and the front's files anew; return what they were made from."""
    study = load_study(folder)
    if study.best is not None:
        write_text(folder / "best.yaml", dump_yaml(study.best.config))
    write_front(folder, study.front)
    for suffix, text in study_pages(study).items():
        write_text(folder / f"report{suffix}", text)
    return study
