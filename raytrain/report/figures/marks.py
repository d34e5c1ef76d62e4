"""Marks in SVG: each outcome has a shape as well as a colour, and a mark carries what to show when pointed at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from raytrain.report.figures.scales import Scale, tick_text

WIDTH, HEIGHT = 560, 360
LEFT, RIGHT, TOP, BOTTOM = 62, 18, 16, 54
CROWD = 100
"""With more marks than this they are drawn lighter, so that one sees where they lie thick."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of a report; `wide` takes the whole width of a page."""

    title: str
    caption: str
    svg: str
    key: list[tuple[str, str]] = field(default_factory=list)
    """Mark (an SVG of its own) and what it stands for."""
    wide: bool = False


def drawing(parts: Iterable[str], *, label: str, width: int = WIDTH, height: int = HEIGHT) -> str:
    """The whole SVG, read out by its label where nobody sees it."""
    drawn = list(parts)
    crowd = ' class="crowded"' if len(drawn) > CROWD else ""
    return f'<svg{crowd} viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">{"".join(drawn)}</svg>'


def mark(shape: str, x: float, y: float, *, kind: str, tip: str = "", size: float = 5.0) -> str:
    """A shape around a point. `kind` is its class in the style sheet."""
    told = f' data-tip="{escape(tip)}" tabindex="0"' if tip else ""
    return f'<path class="mark {kind}" d="{_outline(shape, x, y, size)}"{told}/>'


def line(points: Sequence[tuple[float, float]], *, kind: str, tip: str = "") -> str:
    """A line through points."""
    told = f' data-tip="{escape(tip)}"' if tip else ""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="line {kind}" points="{path}"{told}/>'


def text(x: float, y: float, words: str, *, kind: str = "", anchor: str = "middle") -> str:
    """Words at a point."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, *, kind: str, tip: str = "") -> str:
    """A filled rectangle."""
    told = f' data-tip="{escape(tip)}" tabindex="0"' if tip else ""
    size = f'width="{max(width, 1):.1f}" height="{height:.1f}"'
    return f'<rect class="bar {kind}" x="{x:.1f}" y="{y:.1f}" {size} rx="2"{told}/>'


def axes(x: Scale, y: Scale, *, x_label: str, y_label: str, x_ticks: Sequence[float] | None = None) -> str:
    """Grid, tick labels and what the axes are."""
    left, right, bottom, top = x.start, x.end, y.start, y.end
    parts = []
    for tick in y.ticks():
        here = y.at(tick)
        parts.append(f'<path class="grid" d="M{left:.1f} {here:.1f}H{right:.1f}"/>')
        parts.append(text(left - 8, here + 4, tick_text(tick), kind="tick", anchor="end"))
    for tick in x.ticks() if x_ticks is None else x_ticks:
        here = x.at(tick)
        parts.append(f'<path class="grid" d="M{here:.1f} {bottom:.1f}V{top:.1f}"/>')
        parts.append(text(here, bottom + 18, tick_text(tick), kind="tick"))
    parts.append(text((left + right) / 2, bottom + 42, x_label, kind="axis"))
    parts.append(_upright(14, (bottom + top) / 2, y_label))
    return "".join(parts)


def key_mark(shape: str, kind: str) -> str:
    """A mark for a legend."""
    return f'<svg class="key" viewBox="0 0 18 14" aria-hidden="true">{mark(shape, 9, 7, kind=kind)}</svg>'


def key_line(kind: str) -> str:
    """A line for a legend."""
    return f'<svg class="key" viewBox="0 0 18 14" aria-hidden="true"><path class="line {kind}" d="M1 7H17"/></svg>'


def _upright(x: float, y: float, words: str) -> str:
    turned = f"translate({x:.1f} {y:.1f}) rotate(-90)"
    return f'<text class="axis" transform="{turned}" text-anchor="middle">{escape(words)}</text>'


def _outline(shape: str, x: float, y: float, r: float) -> str:
    if shape == "square":
        return f"M{x - r:.1f} {y - r:.1f}h{2 * r:.1f}v{2 * r:.1f}h{-2 * r:.1f}z"
    if shape == "diamond":
        s = 1.35 * r
        return f"M{x:.1f} {y - s:.1f}l{s:.1f} {s:.1f}l{-s:.1f} {s:.1f}l{-s:.1f} {-s:.1f}z"
    if shape == "triangle":
        s = 1.2 * r
        return f"M{x:.1f} {y - s:.1f}l{s:.1f} {1.9 * s:.1f}h{-2 * s:.1f}z"
    if shape == "cross":
        return f"M{x - r:.1f} {y - r:.1f}l{2 * r:.1f} {2 * r:.1f}m0 {-2 * r:.1f}l{-2 * r:.1f} {2 * r:.1f}"
    if shape == "star":
        corners = [(0, -1), (0.22, -0.31), (0.95, -0.31), (0.36, 0.12), (0.59, 0.81)]
        around = [*corners, (0, 0.38), *((-px, py) for px, py in reversed(corners[1:]))]
        return "M" + "L".join(f"{x + 1.7 * r * px:.1f} {y + 1.7 * r * py:.1f}" for px, py in around) + "z"
    return f"M{x - r:.1f} {y:.1f}a{r:.1f} {r:.1f} 0 1 0 {2 * r:.1f} 0a{r:.1f} {r:.1f} 0 1 0 {-2 * r:.1f} 0z"
