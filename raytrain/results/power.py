"""How much would tell two configurations apart: their comparison in; the children and seeds that it would take out."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from raytrain.results.significance import Comparison
from raytrain.results.verdict import MIN_CHILDREN

LEVEL, POWER = 0.05, 0.8
_FEWEST_SEEDS = 3
"""Fewer say hardly anything of how far trainings differ by luck."""


@dataclass(frozen=True, kw_only=True)
class Needed:
    """What it takes to tell a difference, four times in five."""

    difference: float
    """The difference to be told, as a rate without sign."""
    children: int
    seeds: int
    """Trainings of each configuration besides the one that it was chosen by."""


def needed(found: Comparison, *, at_once: int = 1) -> Needed | None:
    """The validation children and seeds that would tell a difference as large as the one found; None where none was
    found, or nothing is known of how it varies from child to child.

    By the sample size of a paired comparison of means, (z(1 − α/2) + z(1 − β))² · variance / difference² (Chow, Shao
    and Wang, Sample Size Calculations in Clinical Research, 2008, section 3.1): the variance of a mean over n children
    and s seeds is child_variance / n + 2 · seed_variance / s. Seeds are the fewest that leave half of it to the
    children. `at_once` configurations are looked at together, so α is 0.05 over their number; where this comparison
    has an interval that counts, its own width in standard errors stands for z(1 − α/2), if that is larger.
    """
    difference, normal = abs(found.difference), NormalDist()
    if round(difference, 3) == 0 or not 0 < found.child_variance < math.inf:
        return None
    critical = normal.inv_cdf(1 - LEVEL / (2 * max(at_once, 1)))
    if found.num_children >= MIN_CHILDREN and found.num_seeds > 1:
        error = math.sqrt(found.child_variance / found.num_children + 2 * found.seed_variance / found.num_seeds)
        critical = max(critical, (found.high - found.difference) / error)
    if not math.isfinite(critical):
        return None
    variance = (difference / (critical + normal.inv_cdf(POWER))) ** 2
    seeds = max(math.ceil(4 * found.seed_variance / variance), found.num_seeds, _FEWEST_SEEDS)
    children = math.ceil(found.child_variance / (variance - 2 * found.seed_variance / seeds))
    return Needed(difference=difference, children=max(children, found.num_children, MIN_CHILDREN), seeds=seeds)
