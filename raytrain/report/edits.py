"""Where a transcript went wrong: reference and hypothesis in, the words aligned out. For reading, not for scoring."""

import re
from dataclasses import dataclass
from typing import Literal

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")

# Of ways with equally many edits the one with fewer swaps keeps more words in their place.
_GAP, _SWAP = 1000, 1001


@dataclass(frozen=True, slots=True)
class Piece:
    """A word that was heard right, or one that was left out, put in, or taken for another."""

    kind: Literal["same", "left_out", "put_in", "taken_for"]
    reference: str = ""
    hypothesis: str = ""


def aligned(reference: str, hypothesis: str) -> list[Piece]:
    """The cheapest way from one to the other, a word at a time; case and punctuation aside."""
    said, heard = _WORD.findall(reference), _WORD.findall(hypothesis)
    same = [[one.casefold() == other.casefold() for other in heard] for one in said]
    costs = [[_GAP * column for column in range(len(heard) + 1)]]
    for row in range(len(said)):
        costs.append([_GAP * (row + 1)])
        for column in range(len(heard)):
            paired = costs[row][column] + (0 if same[row][column] else _SWAP)
            costs[-1].append(min(paired, costs[row][column + 1] + _GAP, costs[row + 1][column] + _GAP))
    pieces = []
    row, column = len(said), len(heard)
    while row or column:
        if (
            row
            and column
            and costs[row][column] == costs[row - 1][column - 1] + (0 if same[row - 1][column - 1] else _SWAP)
        ):
            row, column = row - 1, column - 1
            kind: Literal["same", "taken_for"] = "same" if same[row][column] else "taken_for"
            pieces.append(Piece(kind, said[row], heard[column]))
        elif row and costs[row][column] == costs[row - 1][column] + _GAP:
            row -= 1
            pieces.append(Piece("left_out", reference=said[row]))
        else:
            column -= 1
            pieces.append(Piece("put_in", hypothesis=heard[column]))
    return pieces[::-1]
