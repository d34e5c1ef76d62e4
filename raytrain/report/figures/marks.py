"""Marks in SVG: each outcome has a shape as well as a colour, and a mark carries what to show when pointed at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from raytrain.report.figures.scales import HEIGHT, WIDTH, Scale, tick_text

_CROWD = 100
"""With more marks than this, marks are drawn lighter, so that one sees where they lie thick."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of a report."""

    title: str
    caption: str
    parts: Sequence[str]
    """What is drawn, as SVG elements, the lowest first."""
    key: Sequence[tuple[str, str]] = ()
    """The legend: a mark (an SVG of its own) and what it stands for."""
    width: int = WIDTH
    height: int = HEIGHT
    caption_in_markdown: bool = False
    """Whether report.md, which shows no figures, repeats the caption, since that gives measured numbers."""

    @property
    def wide(self) -> bool:
        return self.width > WIDTH

    @property
    def svg(self) -> str:
        """The whole SVG, read out by its title where nobody sees it."""
        crowd = ' class="crowded"' if len(self.parts) > _CROWD else ""
        box = f'viewBox="0 0 {self.width} {self.height}"'
        return f'<svg{crowd} {box} role="img" aria-label="{escape(self.title)}">{"".join(self.parts)}</svg>'


def mark(shape: str, x: float, y: float, *, kind: str, tip: str = "", size: float = 5.0) -> str:
    """A shape around a point. `kind` is its class in the style sheet."""
    return f'<path class="mark {kind}" d="{_outline(shape, x, y, size)}"{_tip(tip)}/>'


def line(points: Sequence[tuple[float, float]], *, kind: str, tip: str = "") -> str:
    """A line through points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="line {kind}" points="{path}"{_tip(tip, focus=False)}/>'


def text(x: float, y: float, words: str, *, kind: str = "", anchor: str = "middle") -> str:
    """Words at a point."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, *, kind: str, tip: str = "") -> str:
    """A filled rectangle."""
    size = f'width="{max(width, 1):.1f}" height="{height:.1f}"'
    return f'<rect class="bar {kind}" x="{x:.1f}" y="{y:.1f}" {size} rx="2"{_tip(tip)}/>'


def axes(x: Scale, y: Scale, *, x_label: str, y_label: str) -> str:
    """Grid, tick labels and the names of both axes."""
    upright = f"translate(14.0 {(y.start + y.end) / 2:.1f}) rotate(-90)"
    name = f'<text class="axis" transform="{upright}" text-anchor="middle">{escape(y_label)}</text>'
    return "".join([*y_grid(x, y, y.ticks()), *x_axis(x, y, [(at, tick_text(at)) for at in x.ticks()], x_label), name])


def y_grid(x: Scale, y: Scale, ticks: Iterable[float]) -> list[str]:
    """A line across and a number left of it for each tick."""
    return [
        part
        for tick in ticks
        for part in (
            f'<path class="grid" d="M{x.start:.1f} {y.at(tick):.1f}H{x.end:.1f}"/>',
            text(x.start - 8, y.at(tick) + 4, tick_text(tick), kind="tick", anchor="end"),
        )
    ]


def x_axis(x: Scale, y: Scale, ticks: Iterable[tuple[float, str]], label: str) -> list[str]:
    """An upright line and words under it for each tick, and the axis's name below them."""
    parts = []
    for tick, words in ticks:
        parts.append(f'<path class="grid" d="M{x.at(tick):.1f} {y.start:.1f}V{y.end:.1f}"/>')
        parts.append(text(x.at(tick), y.start + 18, words, kind="tick"))
    return [*parts, text((x.start + x.end) / 2, y.start + 42, label, kind="axis")]


def key_mark(shape: str, kind: str) -> str:
    """A mark for a legend."""
    return f'<svg class="key" viewBox="0 0 18 14" aria-hidden="true">{mark(shape, 9, 7, kind=kind)}</svg>'


def key_line(kind: str) -> str:
    """A line for a legend."""
    return f'<svg class="key" viewBox="0 0 18 14" aria-hidden="true"><path class="line {kind}" d="M1 7H17"/></svg>'


def _tip(words: str, *, focus: bool = True) -> str:
    """The attributes of a mark that shows words when pointed at; with `focus`, by the keyboard, too."""
    return f' data-tip="{escape(words)}"' + (' tabindex="0"' if focus else "") if words else ""


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
