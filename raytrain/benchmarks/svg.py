"""What figures of the bench share: their style and scales in; an SVG that stands alone out."""

from collections.abc import Sequence

from raytrain.report.figures.marks import Figure
from raytrain.report.figures.scales import Scale

_STYLE = """
svg { background: #fff; font: 12px system-ui, sans-serif; } text { fill: #59636e; } .axis, .group { fill: #1b1f24; }
.grid { stroke: #e6e9ed; fill: none; } .line { fill: none; stroke: #0072b2; } .mark { fill: #d55e00; }
.mark.one { fill: #9aa3ad; }
"""


def standing_alone(title: str, parts: Sequence[str]) -> str:
    """An SVG of these parts for a file of its own."""
    svg = Figure(title=title, caption="", parts=[f"<style>{_STYLE}</style>", *parts]).svg
    return svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def by_logarithm(values: Sequence[float], pixels: tuple[float, float]) -> Scale:
    """A scale with a little room beside the least and the largest of these."""
    return Scale(low=min(values) / 1.3, high=max(values) * 1.3, start=pixels[0], end=pixels[1], log=True)
