"""The figure of what a window costs: the runs of each kind in; an SVG that stands alone, WER over CPU seconds, out."""

from collections.abc import Mapping
from typing import Any

from raytrain.benchmarks.svg import by_logarithm, standing_alone
from raytrain.report.figures.marks import axes, mark, text
from raytrain.report.figures.scales import PLOT_X, PLOT_Y, Scale

_SHAPES = {"fitted": "circle", "condensed": "diamond", "full": "square"}


def windows_figure(found: Mapping[str, Any]) -> str:
    """A small mark for each training, and a large one with its name for the mean of each window."""
    runs = {name: run for name, run in found["runs"].items() if name.split()[0] in _SHAPES}
    wers = [100 * run["wer"] for run in runs.values()]
    x = by_logarithm([run["cpu_s"] for run in runs.values()], PLOT_X)
    y = Scale(low=min(wers) - 0.5, high=max(wers) + 0.5, start=PLOT_Y[0], end=PLOT_Y[1])
    parts = [axes(x, y, x_label="CPU seconds of a training", y_label="WER in %")]
    for name, run in runs.items():
        parts.append(mark(_SHAPES[name.split()[0]], x.at(run["cpu_s"]), y.at(100 * run["wer"]), kind="one"))
    for window, told in found["windows"].items():
        at = (x.at(told["cpu_s"]), y.at(100 * told["wer"]))
        parts += [
            mark(_SHAPES[window], *at, kind="measured"),
            text(at[0] + 12, at[1] + 4, window, kind="group", anchor="start"),
        ]
    title = "WER after three epochs over what they cost, by audio window: each training, and the mean of each window"
    return standing_alone(title, parts)
