"""Edit counts that add: a word error rate is a property of their sum."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Edit counts over a corpus. Adding two corpora is exact; averaging two rates is not."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    hits: int = 0

    @property
    def edits(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def reference_words(self) -> int:
        return self.hits + self.substitutions + self.deletions

    @property
    def wer(self) -> float:
        """Edits per reference word; with no reference words, the number of inserted words, as jiwer 4 has it."""
        return self.edits / self.reference_words if self.reference_words else float(self.insertions)

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.hits + other.hits,
        )

    @classmethod
    def total(cls, parts: Iterable[Self]) -> Self:
        """The sum over any number of corpora; nothing at all sums to zero counts."""
        return sum(parts, cls())

    def as_dict(self) -> dict[str, int]:
        return asdict(self)
