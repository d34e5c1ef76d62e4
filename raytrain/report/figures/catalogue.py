"""Every figure of a study's report, in the order that they are shown: a study's results in, its figures out."""

from raytrain.report.figures.best_and_baseline import wer_by_age, wer_by_length, wer_by_source
from raytrain.report.figures.bought import best_against_hours
from raytrain.report.figures.by_child import wer_by_child
from raytrain.report.figures.hours import gpu_occupancy, hours
from raytrain.report.figures.learning_curves import learning_curves
from raytrain.report.figures.marks import Figure
from raytrain.report.figures.trial_scatters import (
    memory_by_micro_batch,
    predicted_against_measured,
    speed_by_micro_batch,
    wer_against_effective_batch,
    wer_against_memory,
)
from raytrain.report.figures.varied_values import importance, parallel_values
from raytrain.results.study_results import StudyResults

FIGURES = (
    wer_against_memory,
    wer_against_effective_batch,
    memory_by_micro_batch,
    speed_by_micro_batch,
    learning_curves,
    predicted_against_measured,
    wer_by_age,
    wer_by_source,
    wer_by_length,
    wer_by_child,
    importance,
    best_against_hours,
    parallel_values,
    hours,
    gpu_occupancy,
)


def figures_of(study: StudyResults) -> list[Figure]:
    """The figures, of FIGURES, in which this study has something to show."""
    return [made for make in FIGURES if (made := make(study)) is not None]
