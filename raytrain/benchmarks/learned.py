"""Searches that learn from an earlier study, rehearsed: surfaces and siblings in; trials to 2 % of the best out.

The earlier study is a search of ours on a sibling of the surface: its best rate and effective batch lie up to 30 % off,
either way, and its WERs are scaled. The adversary's ranking is the reverse: what was best is worst.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from raytrain.benchmarks.rivals import OurSampler
from raytrain.benchmarks.searches import run, with_every_seed
from raytrain.benchmarks.surfaces import RehearsedCard, Surface
from raytrain.results.records import WORST_OBJECTIVE
from raytrain.search.borrowed import Borrowed, BorrowedTrial, discounted

EARLIER = ("none", "sibling", "adversary")
EXPECTED = {"sibling": 0.4, "adversary": 1.1}
"""Trials to 2 % of the best with this to learn from, as a share of those of a cold start, at most."""
_SHIFT, _SCALE = 0.3, (0.6, 1.6)
_EARLIER_TRIALS = 30


@dataclass(frozen=True)
class Shifted:
    """Another corpus: the same law with its best rate and effective batch elsewhere, its WERs scaled."""

    law: Any
    rate_factor: float
    size_factor: float
    scale: float

    @property
    def noise(self) -> float:
        noise: float = self.law.noise
        return noise

    def wer(self, effective_batch_size: Any, learning_rate: Any) -> Any:
        """The WER that a training on that corpus would have without noise."""
        sizes = np.asarray(effective_batch_size) / self.size_factor
        return self.scale * self.law.wer(sizes, np.asarray(learning_rate) / self.rate_factor)


def rehearse(surface: Surface, *, seed: int, trials: int) -> dict[str, int]:
    """With each earlier study the trials of one search to within 2 % of the best, from the baseline on; all of them
    where none is."""
    sibling = _sibling(surface, seed=seed)
    found = {}
    for earlier, borrowed in zip(EARLIER, ([], [sibling], [_reversed(sibling)]), strict=True):
        searcher = OurSampler(surface, seed=seed, trials=trials)
        searcher.borrowed = borrowed
        ended = run(surface, searcher, seed=seed, trials=trials, only_until_near=True)
        found[earlier] = ended.trials_to_2_percent
    return found


def compare(surfaces: Sequence[Surface], *, trials: int, seeds: int) -> Iterator[tuple[str, dict[str, float]]]:
    """For each surface, one at a time, its name and the median trials over the seeds with each earlier study."""
    ended = with_every_seed(rehearse, product(surfaces), trials=trials, seeds=seeds)
    for surface, of_seeds in zip(surfaces, ended, strict=True):
        yield surface.name, {earlier: statistics.median(one[earlier] for one in of_seeds) for earlier in EARLIER}


def held(found: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Whether what was predicted held, in the median over the surfaces where a cold start takes any trials."""
    taking = [one for one in found.values() if one["none"] > 0]
    shares = {earlier: statistics.median(one[earlier] / one["none"] for one in taking) for earlier in EXPECTED}
    return {
        earlier: {"share_median": round(share, 3), "held": share <= EXPECTED[earlier]}
        for earlier, share in shares.items()
    }


def _sibling(surface: Surface, *, seed: int) -> Borrowed:
    draws = np.random.default_rng([seed, 2])
    rate, size = np.exp(draws.uniform(-1, 1, size=2) * math.log(1 + _SHIFT))
    law = Shifted(surface.law, rate_factor=rate, size_factor=size, scale=float(draws.uniform(*_SCALE)))
    sibling = replace(surface, name=f"{surface.name}_sibling", law=law)
    card, searcher = RehearsedCard(sibling, seed=seed + 10_000), OurSampler(sibling, seed=seed + 10_000, trials=60)
    trials = []
    for number in range(_EARLIER_TRIALS):
        sample = searcher.suggest(number)
        assert sample is not None
        ended = card.train(number, sample)
        searcher.learn(number, sample, ended)
        if not ended.out_of_memory:
            objective = WORST_OBJECTIVE if ended.wer is None else ended.wer
            others = {axis.key: sample[axis.key] for axis in surface.axes.others}
            size = float(surface.axes.effective_batch_size(sample))
            trials.append(BorrowedTrial(size=size, others=others, objective=objective))
    trust, differs = discounted(other_corpus=True, other_variant=None)
    return Borrowed(study="earlier", trust=trust, discounted_for=differs, trials=trials)


def _reversed(study: Borrowed) -> Borrowed:
    """The lowest WER for the highest and so on; what diverged there is as good as the best."""
    finite = [one.objective for one in study.trials if one.objective != WORST_OBJECTIVE]
    low, high = min(finite), max(finite)
    trials = [replace(one, objective=low * high / min(one.objective, high)) for one in study.trials]
    return replace(study, trials=trials)
