"""Child ids in; those that are most likely one child, written in several ways, out."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

_UNSEEN = ("Cc", "Cf")  # control and format characters: zero-width spaces and joiners, byte order marks


def spelling(child_id: str) -> str:
    """What is left of an id without blanks, unseen characters, case and letters' widths; the same for one child.

    An id of nothing else is itself.
    """
    seen = (letter for letter in unicodedata.normalize("NFKC", child_id).casefold() if not letter.isspace())
    return "".join(letter for letter in seen if unicodedata.category(letter) not in _UNSEEN) or child_id


def several_spellings(child_ids: Iterable[str]) -> list[tuple[str, ...]]:
    """Each child that is written in more than one way, with all its ids; ids and children in their order."""
    ids_of: dict[str, list[str]] = defaultdict(list)
    for child_id in dict.fromkeys(child_ids):
        ids_of[spelling(child_id)].append(child_id)
    return [tuple(ids) for ids in ids_of.values() if len(ids) > 1]


def joined(child_ids: Sequence[str]) -> list[str]:
    """The same ids with one spelling a child: the shortest of its own, so that the order of the lines is no matter."""
    one_of = {
        child_id: min(ids, key=lambda written: (len(written), written))
        for ids in several_spellings(child_ids)
        for child_id in ids
    }
    return [one_of.get(child_id, child_id) for child_id in child_ids]
