"""WERs on a training's way to its end, rehearsed, and ways to foretell the end: what was seen so far in; WERs out.

What the curves are made by is recorded: tiny.en on the child-like corpus (recorded_curves.json). There the logarithm of
the WER falls about with the root of the share of the budget, and at high rates later: a rate that is the best of all
at its end is among the worst at the first rung, since only its last steps, with a small rate, settle.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raytrain.benchmarks.surfaces import RATE, Surface
from raytrain.search.axes import Sample

KINDS = {
    "by_rate": "with the root of the share of the budget, but rates above the middle of their range later, as recorded",
    "each_its_own": "each falls by a power of its own, which nothing of its sample tells",
}
_POWER, _LATER_BY, _LATEST, _SPREAD = 0.5, 0.45, 2.4, 0.3
"""Of the share of the budget; by which power of a rate that grows, and how far; its spread where nothing tells it."""
_UNTRAINED = 1.53
"""What is published of small on MyST over what fine-tuning makes of it."""
_POWERS = np.geomspace(0.05, 2.0, 24)
_LEAST_NOISE = 0.01
_LINE, _ALIKE, _EACH, _LEAST = 0.4, 0.2, 0.1, 0.01
"""Standard deviations: as shares of the middle change, of a change a unit of a coordinate and of what all share; of
each training's own; and the least of the first two."""

Numbers = NDArray[np.float64]


@dataclass(kw_only=True)
class Curve:
    """What was seen of a training."""

    point: Sequence[float]
    """Its sample's coordinates."""
    seen: dict[float, float] = field(default_factory=dict)
    """WER by share of the budget, below 1."""
    end: float
    """The WER at its end, whoever knows it."""


@dataclass(frozen=True)
class Way:
    """One training's WERs as they would be without noise, and with its own."""

    final: float
    untrained: float
    power: float
    noise: float
    seed: tuple[int, ...]
    end_noise: float
    """By which share the WER at its end lies off."""

    def wer(self, share: float) -> float:
        """At a share of the budget. Noise there has in common with that of the end what is trained already."""
        level = self.final * (self.untrained / self.final) ** (1 - share**self.power)
        own = np.random.default_rng([*self.seed, round(share * 1000)]).normal(0, self.noise)
        return level * (1 + math.sqrt(share) * self.end_noise + math.sqrt(1 - share) * float(own))


def way_of(surface: Surface, kind: str, sample: Sample, *, seed: int, number: int, best_wer: float, end: float) -> Way:
    """How the trial of this number comes to its end."""
    final, power = surface.true_wer(sample), _POWER
    if kind == "by_rate":
        rates = surface.rates(surface.axes.branch(sample))
        above: Any = sample[RATE] / math.sqrt(rates.low * rates.high)  # type: ignore[operator]
        power *= min(max(1.0, above) ** _LATER_BY, _LATEST)
    if kind == "each_its_own":
        power *= math.exp(np.random.default_rng([seed, 3, number]).normal(0, _SPREAD))
    untrained = _UNTRAINED * best_wer
    return Way(final, untrained, power, surface.law.noise, (seed, 4, number), end / final - 1)


@cache
def recorded() -> tuple[Curve, ...]:
    """Real trainings: their points are the logarithms of rate and effective batch."""
    rows = json.loads((Path(__file__).parent / "recorded_curves.json").read_text())["trainings"]
    return tuple(
        Curve(
            point=[math.log(row["learning_rate"]), math.log(row["effective_batch_size"])],
            seen={float(share): wer for share, wer in row["eval_wer_by_share"].items() if float(share) < 1},
            end=row["eval_wer_by_share"]["1.0"],
        )
        for row in rows
    )


def median_change(stopped: Curve, ended: Sequence[Curve]) -> float:
    """As a study does: from the last rung on, what the middle one of those changed by that went on from there."""
    rung = max(stopped.seen)
    changes = [math.log(one.end / one.seen[rung]) for one in ended if rung in one.seen]
    return stopped.seen[rung] * math.exp(float(np.median(changes)) if changes else 0.0)


def power_law(stopped: Curve, ended: Sequence[Curve]) -> float:
    """a + b x^-c: c is that of those that ended, and their a and b are what is expected before anything was seen."""
    if len(ended) < 3:
        return median_change(stopped, ended)
    power, found, residual = _likeliest(tuple((*one.seen.items(), (1.0, one.end)) for one in ended))
    middle = found.mean(axis=0)
    spread = np.cov(found.T) + np.diag((0.02 * middle) ** 2 + 1e-12)
    shares, wers = np.array(list(stopped.seen)), np.array(list(stopped.seen.values()))
    terms = _terms(power, shares)
    noise = max(residual, _LEAST_NOISE * float(wers.mean()))
    gain = spread @ terms.T @ np.linalg.inv(terms @ spread @ terms.T + noise**2 * np.eye(len(shares)))
    best = middle + gain @ (wers - terms @ middle)
    return max(float(best.sum()), 1e-3)


def line_by_sample(stopped: Curve, ended: Sequence[Curve]) -> float:
    """From the last rung on, a change that is a line through the sample's coordinates, as likely as its prior and those
    that went on from there make it."""
    rung = max(stopped.seen)
    some = [one for one in ended if rung in one.seen]
    if not some:
        return stopped.seen[rung]
    changes = np.log([one.end / one.seen[rung] for one in some])
    points = np.nan_to_num(np.array([one.point for one in some], dtype=float))
    level, middle = float(np.median(changes)), points.mean(axis=0)
    points, own = points - middle, np.nan_to_num(np.array(stopped.point, dtype=float)) - middle
    slope, shared = (share * abs(level) + _LEAST for share in (_LINE, _ALIKE))
    covariance = slope**2 * points @ points.T + shared**2 + _EACH**2 * np.eye(len(some))
    line = (slope**2 * points @ own + shared**2) @ np.linalg.solve(covariance, changes - level)
    return stopped.seen[rung] * math.exp(level + float(line))


FORETOLD: Mapping[str, Callable[[Curve, Sequence[Curve]], float]] = {
    "median_change": median_change,
    "power_law": power_law,
    "line_by_sample": line_by_sample,
}


def judged(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    """How well ends were foretold, by what was foretold and what came: rank correlation, and mean error as a share."""
    foretold, came = (np.array(some) for some in zip(*pairs, strict=True))
    ranks = [np.argsort(np.argsort(some)) for some in (foretold, came)]
    return {
        "rank_correlation": round(float(np.corrcoef(ranks[0], ranks[1])[0, 1]), 3),
        "mean_error": round(float(np.abs(np.log(foretold / came)).mean()), 4),
    }


def recorded_foretold() -> dict[str, dict[str, dict[str, float]]]:
    """The same of the recorded trainings, by rung: each foretold by all others, as if it had been stopped there."""
    rungs = sorted(recorded()[0].seen)
    return {
        f"{rung:g}": {
            name: judged([(foretell(_stopped_at(rung, one), _but(one)), one.end) for one in recorded()])
            for name, foretell in FORETOLD.items()
        }
        for rung in rungs
    }


def _but(one: Curve) -> list[Curve]:
    return [other for other in recorded() if other is not one]


def _stopped_at(rung: float, one: Curve) -> Curve:
    return Curve(point=one.point, seen={share: wer for share, wer in one.seen.items() if share <= rung}, end=one.end)


def _terms(power: float, shares: Numbers) -> Numbers:
    return np.stack([np.ones_like(shares), shares**-power], axis=1)


@lru_cache(1)
def _likeliest(curves: tuple[tuple[tuple[float, float], ...], ...]) -> tuple[float, Numbers, float]:
    """The power that all curves have, a and b of each, and the standard deviation of what is left."""
    return min((_fitted(power, curves) for power in _POWERS), key=lambda one: one[2])


def _fitted(power: float, curves: Sequence[Sequence[tuple[float, float]]]) -> tuple[float, Numbers, float]:
    found, left = [], []
    for curve in curves:
        shares, wers = np.array(curve).T
        terms = _terms(power, shares)
        values = np.linalg.lstsq(terms, wers, rcond=None)[0]
        found.append(values)
        left += list(wers - terms @ values)
    return power, np.array(found), float(np.sqrt(np.mean(np.square(left))))
