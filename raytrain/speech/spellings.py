"""Child ids in; those that are most likely one child, written in several ways, out."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

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
