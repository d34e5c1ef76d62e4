"""The figure of how a step's cost grows: cells and their law in, an SVG that stands alone out."""

from collections.abc import Sequence
from itertools import groupby

from raytrain.benchmarks.growth import Cell, Law
from raytrain.benchmarks.svg import by_logarithm, standing_alone
from raytrain.report.figures.marks import axes, line, mark, text
from raytrain.report.figures.scales import PLOT_X, PLOT_Y
from raytrain.results.wording import counted

_SHAPES = ("circle", "diamond", "square", "triangle", "star", "cross")


def growth_figure(cells: Sequence[Cell], law: Law) -> str:
    """Seconds a step over the window's length, both by the logarithm: marks as measured, lines as the law has it."""
    windows_s, seconds = [cell.window_s for cell in cells], [cell.seconds for cell in cells]
    x = by_logarithm(windows_s, PLOT_X)
    y = by_logarithm([*seconds, *(law.seconds(cell.gflop) for cell in cells)], PLOT_Y)
    parts = [axes(x, y, x_label="seconds of the audio window", y_label="seconds a step")]
    by_size = sorted(cells, key=lambda cell: (cell.batch_size, cell.window_s))
    for (size, ladder), shape in zip(groupby(by_size, key=lambda cell: cell.batch_size), _SHAPES, strict=False):
        rungs = list(ladder)
        parts.append(line([(x.at(one.window_s), y.at(law.seconds(one.gflop))) for one in rungs], kind="law"))
        parts += [mark(shape, x.at(one.window_s), y.at(one.seconds), kind="measured") for one in rungs]
        clips = counted(size, "clip")
        parts.append(text(x.at(rungs[0].window_s) + 10, y.at(rungs[0].seconds) - 10, clips, kind="group"))
    title = (
        f"Seconds a step as measured, and as {law.constant_s:.3g} s and {law.gflop_per_s:.3g} GFLOP a second have it"
    )
    return standing_alone(title, parts)
