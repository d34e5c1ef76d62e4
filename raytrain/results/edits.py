"""Where a transcript went wrong: reference and hypothesis in, the words aligned out. For reading, not for scoring."""

import re
from dataclasses import dataclass
from typing import Literal

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


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
    costs = [list(range(len(heard) + 1))]
    for row in range(len(said)):
        costs.append([row + 1])
        for column in range(len(heard)):
            costs[-1].append(
                min(
                    costs[row][column] + (not same[row][column]),
                    costs[row][column + 1] + 1,
                    costs[row + 1][column] + 1,
                )
            )
    pieces = []
    row, column = len(said), len(heard)
    while row or column:
        if row and column and costs[row][column] == costs[row - 1][column - 1] + (not same[row - 1][column - 1]):
            row, column = row - 1, column - 1
            kind: Literal["same", "taken_for"] = "same" if same[row][column] else "taken_for"
            pieces.append(Piece(kind, said[row], heard[column]))
        elif row and costs[row][column] == costs[row - 1][column] + 1:
            row -= 1
            pieces.append(Piece("left_out", reference=said[row]))
        else:
            column -= 1
            pieces.append(Piece("put_in", hypothesis=heard[column]))
    return pieces[::-1]
