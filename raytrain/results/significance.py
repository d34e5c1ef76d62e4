"""Is one configuration better than another, or luckier? Edit counts by child in; differences with intervals out.

Children are resampled, not utterances: a child's utterances succeed and fail together. The same drawn children score
both sides. What one training's luck adds is estimated from repeats with other seeds. Where the best of several is
looked at, the interval is widened to hold for all of them at once (a max statistic), since the luckiest was picked.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from raytrain.results.transcripts import UtteranceCounts

RESAMPLES = 10_000
_CHUNK = 64


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One configuration's trainings, each scored on the same children: edits [seeds, children], words [children].

    The trainings that it was chosen by must not be among them, or all that it was chosen from must be compared too.
    """

    name: str
    edits: np.ndarray
    words: np.ndarray

    @property
    def num_seeds(self) -> int:
        return int(self.edits.shape[0])

    @property
    def num_children(self) -> int:
        return int(self.edits.shape[1])

    @property
    def wers(self) -> np.ndarray:
        """The WER of each training."""
        return self.edits.sum(axis=1) / self.words.sum()

    @property
    def wer(self) -> float:
        return float(self.wers.mean())


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """WER of a contender less WER of the baseline: negative is better. The interval holds for all compared at once."""

    difference: float
    low: float
    high: float
    num_seeds: int
    num_children: int
    child_variance: float = 0.0
    """What the difference would vary by from child to child, as a variance: over n children it varies by an n-th."""
    seed_variance: float = 0.0
    """The variance of one training's WER over seeds; 0 where all were trained once, and nothing is known of it."""


def contender(name: str, trainings: Sequence[UtteranceCounts]) -> Contender:
    """One configuration from its trainings; all must have scored the same utterances."""
    first = trainings[0]
    if any(not np.array_equal(one.utterance_ids, first.utterance_ids) for one in trainings):
        raise ValueError(f"{name}: its trainings scored different utterances")
    _, child_of = np.unique(first.child_ids, return_inverse=True)
    return Contender(
        name=name,
        edits=np.stack([np.bincount(child_of, weights=one.edits) for one in trainings]),
        words=np.bincount(child_of, weights=first.words),
    )


def compare(
    contenders: Sequence[Contender], baseline: Contender, *, resamples: int = RESAMPLES, seed: int = 0
) -> list[Comparison]:
    """Each contender against the baseline, in the order given. A pure function of its arguments."""
    random = np.random.default_rng(seed)
    words, children = baseline.words, baseline.num_children
    if any(not np.array_equal(one.words, words) for one in contenders):
        raise ValueError("contenders and baseline scored different utterances")
    shares = np.full(children, 1 / children)
    drawn = random.multinomial(children, shares, size=resamples).astype(float)
    edits = np.stack([one.edits.mean(axis=0) - baseline.edits.mean(axis=0) for one in contenders], axis=1)
    luck, freedom = _luck([*contenders, baseline])
    own_luck, shared_luck = np.array([luck / one.num_seeds for one in contenders]), luck / baseline.num_seeds
    baseline_shift = random.normal(0, np.sqrt(shared_luck), size=(resamples, 1))
    # By draw, how far the variance of luck would be misjudged from so few repeats.
    misjudged = random.chisquare(freedom, size=(resamples, 1)) / freedom if freedom else np.ones((resamples, 1))

    differences, spread = _ratios(np.ones((1, children)), edits, words)
    luck_variance = own_luck + shared_luck
    errors = np.sqrt(spread[0] + luck_variance)
    largest = np.zeros(resamples)
    for start in range(0, len(contenders), _CHUNK):
        part = slice(start, start + _CHUNK)
        redrawn, redrawn_spread = _ratios(drawn, edits[:, part], words)
        lucky = random.normal(0, 1, size=redrawn.shape) * np.sqrt(own_luck[part]) - baseline_shift
        shifts = redrawn - differences[:, part] + lucky
        variance = redrawn_spread + luck_variance[part] * misjudged
        largest = np.maximum(largest, _studentised(shifts, variance).max(axis=1))
    # Ordered up: with few children a draw can have no spread at all, and its place among the largest is what counts.
    width = float(np.quantile(largest, 0.95, method="higher"))
    return [
        Comparison(
            difference=float(difference),
            low=float(difference - width * error) if error else float(difference),
            high=float(difference + width * error) if error else float(difference),
            num_seeds=min(one.num_seeds, baseline.num_seeds),
            num_children=children,
            child_variance=float(over_children * children),
            seed_variance=float(luck),
        )
        for one, difference, over_children, error in zip(contenders, differences[0], spread[0], errors, strict=True)
    ]


def interval(one: Contender) -> tuple[float, float] | None:
    """The 95 % interval of a WER over children; None where they are too few for one, or say nothing that is counted."""
    return intervals([one])[0]


def intervals(several: Sequence[Contender]) -> list[tuple[float, float] | None]:
    """The 95 % interval of each WER over the same children, wide enough for all at once; None as for one."""
    if not several or several[0].num_children < 2 or not several[0].words.sum():
        return [None] * len(several)
    nothing = replace(several[0], name="no errors", edits=np.zeros((1, several[0].num_children)))
    found = compare([replace(one, edits=one.edits.mean(axis=0, keepdims=True)) for one in several], nothing)
    known = [math.isfinite(one.low) and math.isfinite(one.high) for one in found]
    return [(max(one.low, 0.0), one.high) if is_known else None for one, is_known in zip(found, known, strict=True)]


def _luck(contenders: Sequence[Contender]) -> tuple[float, int]:
    """The variance of one training's WER over seeds, pooled since each alone has few, and its degrees of freedom."""
    repeated = [one for one in contenders if one.num_seeds > 1]
    freedom = sum(one.num_seeds - 1 for one in repeated)
    return sum(((one.wers - one.wer) ** 2).sum() for one in repeated) / freedom if freedom else 0.0, freedom


def _ratios(weights: np.ndarray, edits: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """WER differences [draws, contenders] under these weights of children, and their variance over children."""
    children = len(words)
    # One at least: children who say nothing that is counted may be drawn alone.
    total_words = np.maximum(weights @ words, 1)[:, None]
    ratios = (weights @ edits) / total_words
    # The sum over children of weight × (edits − ratio × words)², multiplied out so that it is three products.
    squares = (
        weights @ edits**2
        - 2 * ratios * (weights @ (edits * words[:, None]))
        + ratios**2 * (weights @ words**2)[:, None]
    )
    variance = np.maximum(squares, 0) / total_words**2 * children / max(children - 1, 1)
    return ratios, variance


def _studentised(shifts: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """|shift| in standard errors; a shift where there is no spread is beyond any width."""
    errors = np.sqrt(variance)
    beyond = np.where(np.abs(shifts) > 0, np.inf, 0.0)
    return np.divide(np.abs(shifts), errors, out=beyond, where=errors > 0)
