"""Numbers onto pixels: a domain in, positions and readable ticks out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from raytrain.results.wording import short

WIDTH, HEIGHT = 560, 360
FULL_WIDTH = 1140
"""The width of a figure that takes the whole width of a page."""
LEFT, RIGHT, TOP, BOTTOM = 62, 18, 16, 54
PLOT_X, PLOT_Y = (LEFT, WIDTH - RIGHT), (HEIGHT - BOTTOM, TOP)
"""The pixels that the axes of a figure of the usual size are laid over, each from its start to its end."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A stretch of numbers laid over a stretch of pixels, linear or by the logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a number; one outside the domain lands on its edge."""
        here = min(max(value, self.low), self.high)
        low, high, here = (math.log(each) if self.log else each for each in (self.low, self.high, here))
        return self.start + (self.end - self.start) * ((here - low) / (high - low))

    def ticks(self, count: int = 5) -> list[float]:
        """About `count` round numbers inside the domain."""
        return self._log_ticks(count) if self.log else self._linear_ticks(count)

    def _linear_ticks(self, count: int) -> list[float]:
        rough = (self.high - self.low) / max(count, 1)
        power = 10 ** math.floor(math.log10(rough))
        step = next(power * each for each in (1, 2, 2.5, 5, 10) if power * each >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) for number in range(first, last + 1)]

    def _log_ticks(self, count: int) -> list[float]:
        for steps in ((1, 2, 5), (1, 3), (1,)):
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            ticks = [each * 10.0**power for power in powers for each in steps]
            ticks = [tick for tick in ticks if self.low * 0.999 <= tick <= self.high * 1.001]
            if len(ticks) <= count + 2:
                break
        return ticks


@dataclass(frozen=True, kw_only=True)
class Doublings(Scale):
    """A logarithmic scale of whole numbers, ticked at powers of two: for batch sizes."""

    log: bool = True

    def ticks(self, count: int = 5) -> list[float]:
        first, last = math.ceil(math.log2(self.low) - 1e-9), math.floor(math.log2(self.high) + 1e-9)
        stride = max(1, math.ceil((last - first + 1) / (count + 2)))
        ticks = [2.0**power for power in range(first, last + 1, stride)]
        if len(ticks) < 4:  # 6, 12, 24 between them
            halfway = [1.5 * 2.0**power for power in range(max(first - 1, 1), last + 1)]
            ticks = sorted([*ticks, *(tick for tick in halfway if self.low <= tick <= self.high)])
        return ticks


def spanning(
    values: Sequence[float], pixels: tuple[float, float], *, doublings: bool = False, from_zero: bool = False
) -> Scale:
    """A scale with a little air around these numbers, laid over pixels from a start to an end."""
    start, end = pixels
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if doublings:
        return Doublings(low=low / 1.25, high=high * 1.25, start=start, end=end)
    air = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    bottom = 0.0 if from_zero or 0 <= low < air else low - air
    return Scale(low=bottom, high=high + air, start=start, end=end)


def tick_text(value: float) -> str:
    """A round number as it stands on an axis; thousands as k."""
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:g}" if abs(value) >= 0.001 or value == 0 else short(value)
