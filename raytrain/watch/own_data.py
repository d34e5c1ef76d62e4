"""What a dry run knows of one's own clips: manifests in; who is scored, and how long prepared clips are, out.

Apart from the other words, since it takes numpy and pyarrow, which a first look at the demo does without.
"""

from dataclasses import dataclass

from raytrain.config.baseline import Baseline
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.memory.planning import flops_per_clip, longest_of
from raytrain.memory.prediction import UNKNOWN, Longest
from raytrain.search.finalists import judged_seeds
from raytrain.speech.extent import Extent, extent_of
from raytrain.speech.halves import Halves, halves_of


@dataclass(frozen=True)
class OwnData:
    """What is known by now; None is not."""

    halves: Halves | None
    extent: Extent | None

    @classmethod
    def of(cls, baseline: Baseline) -> "OwnData":
        """By the manifests' lines and, where they were prepared before, by what was made of them."""
        try:
            halves = halves_of(baseline.data, seed=baseline.training.seed)
        except (InputError, OSError):  # said by the words on each manifest, and when it begins
            halves = None
        return cls(halves, extent_of(baseline.data, longest_s=baseline.audio.max_window_s))

    @property
    def longest(self) -> Longest:
        """Of a clip and of a transcript."""
        return UNKNOWN if self.extent is None else longest_of(self.extent)

    def flops_per_clip(self, baseline: Baseline) -> float:
        """Of training on a clip of mean length or, where none is known, of the longest that is allowed."""
        return flops_per_clip(baseline, self.extent)

    def notes(self, space: SearchSpace | None, baseline: Baseline) -> list[str]:
        """What the end could not help saying."""
        seeds = None if space is None else judged_seeds(space.search, baseline)
        return [] if self.halves is None else [*self.halves.notes(), *self.halves.warnings(seeds=seeds)]
