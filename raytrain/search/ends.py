"""What stopped trainings would have come to: rungs' WERs, and the ends of those that went on, in; what is to come, out.

From a rung to the end the logarithm of the WER changes by about as much for all, and besides by a line through the
sample's coordinates: at a high rate a training falls late, when its rate has become small, and at a large effective
batch it takes its steps late. The line is as likely as its prior and the trainings that went on make it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from raytrain.search.coordinates import Points

_LINE, _ALIKE = 0.4, 0.2
"""Standard deviations, as shares of the middle change: of a change a unit of a coordinate, and of what all share."""
_LEAST = 0.01
_EACH = 0.10
"""Standard deviation of each training's own."""
_UNKNOWN = 0.3
"""The same of a change from a rung from which none has come to its end."""

Numbers = NDArray[np.floating]


def still_to_come(
    points: Points, rungs: Sequence[Mapping[float, float]], ends: Sequence[float | None]
) -> tuple[Numbers, Numbers]:
    """By how much each of those without an end would have changed from its last rung on, and the standard deviation.

    WERs are logarithms. A training without an end has at least one rung; NaN in a point is a key that it lacks.
    """
    places = np.nan_to_num(points)
    lines: dict[float, _Line] = {}
    found = []
    for place, (own, end) in enumerate(zip(rungs, ends, strict=True)):
        if end is not None:
            continue
        rung = max(own)
        if rung not in lines:
            known = [(at, gone - one[rung]) for at, (one, gone) in enumerate(zip(rungs, ends, strict=True))
                     if gone is not None and rung in one]  # fmt: skip
            lines[rung] = _Line(places[[at for at, _ in known]], np.array([change for _, change in known]))
        found.append(lines[rung].at(places[place]))
    changes, doubts = (np.array(some) for some in zip(*found, strict=True))
    return changes, doubts


class _Line:
    """The changes from one rung on of those that went on from there."""

    def __init__(self, points: Points, changes: Numbers) -> None:
        self._is_known = bool(len(changes))
        if not self._is_known:
            return
        self._level, self._middle = float(np.median(changes)), points.mean(axis=0)
        self._slope = _LINE * abs(self._level) + _LEAST
        self._shared = _ALIKE * abs(self._level) + _LEAST
        self._points = points - self._middle
        covariance = self._covariance(self._points) + _EACH**2 * np.eye(len(changes))
        self._inverse = np.linalg.inv(covariance)
        self._weights = self._inverse @ (changes - self._level)

    def at(self, point: Points) -> tuple[float, float]:
        """What is to come of a training there, and how sure that is."""
        if not self._is_known:
            return 0.0, _UNKNOWN
        own = point - self._middle
        cross = self._covariance(own[None, :])[0]
        variance = self._slope**2 * own @ own + self._shared**2 - cross @ self._inverse @ cross
        return self._level + float(cross @ self._weights), float(np.sqrt(max(variance, 0.0) + _EACH**2))

    def _covariance(self, points: Points) -> Numbers:
        found: Numbers = self._slope**2 * points @ self._points.T + self._shared**2
        return found
