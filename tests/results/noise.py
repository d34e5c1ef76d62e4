"""Simulated studies in which no configuration is better than another: every difference is luck."""

import numpy as np

from raytrain.results.significance import Contender, compare

TRIALS, FINALISTS = 20, 3


def noise_studies_called_better(studies: int, *, children: int, seeds: int, seed: int) -> int:
    """How many go through selection, finalists and comparison, and find a winner below the baseline."""
    random = np.random.default_rng(seed)
    return sum(_called_better(random, children=children, seeds=seeds) for _ in range(studies))


def _called_better(random: np.random.Generator, *, children: int, seeds: int) -> bool:
    words = random.integers(30, 120, size=children)
    rates = random.beta(2, 8, size=children)

    def training() -> np.ndarray:
        # A run is lucky as a whole and on each child, and draws its errors on top.
        luck = random.normal(0, 0.012) + random.normal(0, 0.03, size=children)
        return random.binomial(words, np.clip(rates + luck, 0.005, 0.95)).astype(float)

    searched = [training().sum() for _ in range(TRIALS)]
    finalists = [
        Contender(name=str(trial), edits=np.stack([training() for _ in range(seeds)]), words=words.astype(float))
        for trial in np.argsort(searched)[:FINALISTS]
    ]
    baseline = Contender(name="baseline", edits=np.stack([training() for _ in range(seeds)]), words=words.astype(float))
    found = compare(finalists, baseline, resamples=2000, seed=int(random.integers(2**31)))
    return min(found, key=lambda one: one.difference).high < 0
