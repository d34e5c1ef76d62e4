"""Ages as people write them in: years, months, ranges, Common Voice's words; one of the five age buckets out."""

import math
import re
from typing import Any

from raytrain.config.constants import AGE_BUCKETS

_UNKNOWN = AGE_BUCKETS[-1]
_YEARS = {"3-4": range(3, 5), "5-7": range(5, 8), "8-11": range(8, 12), "12+": range(12, 121)}
_DECADES = ("teens", "twenties", "thirties", "fourties", "forties", "fifties", "sixties", "seventies", "eighties")
_WORDS = {**dict.fromkeys((*_DECADES, "nineties", "adult", "adults"), "12+"), "unknown": _UNKNOWN}
"""Eight of the ten years of `teens` are 12 and over. `fourties` is Common Voice's own spelling."""
_AGE = re.compile(r"(\d{1,4}(?:[.,]\d+)?)\s*(|y|yo|yrs?|years?|m|mo|mos|months?)(?:[\s-]*olds?)?")
_RANGE = re.compile(r"(\d{1,3})\s*(?:-|–|to)\s*(\d{1,3})\s*(?:y|yo|yrs?|years?)?(?:[\s-]*olds?)?")
_AND_MORE = re.compile(r"(\d{1,3})\s*(?:\+|and (?:over|up|older|more))")
_CHILDES = re.compile(r"(\d{1,2});(\d{1,2})?(?:\.\d{0,2})?")

RULE = (
    "years 3 and 4 are 3-4, 5 to 7 are 5-7, 8 to 11 are 8-11, 12 and over, adults too, are 12+; a part of a year is "
    "cut off; a range goes where most of its years are; `teens` (10 to 19) and every later decade are 12+; "
    "under 3, no age and anything else are unknown"
)
"""How an age becomes a bucket, for the person."""


def bucket_of(age: Any, *, in_months: bool = False) -> str | None:
    """The bucket of an age in whatever form; `unknown` for one that no bucket holds; None for what is no age."""
    text = "" if age is None or isinstance(age, bool) else str(age).strip().casefold()
    if text in ("", "nan", "none", "null", "n/a", "na", "-"):
        return _UNKNOWN
    if text in AGE_BUCKETS:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if found := _RANGE.fullmatch(text):
        return None if in_months else _most_of(int(found[1]), int(found[2]))
    if found := _AND_MORE.fullmatch(text):
        return _of_years(float(found[1]) / (12 if in_months else 1))
    if found := _CHILDES.fullmatch(text):
        return _of_years(int(found[1]))
    if found := _AGE.fullmatch(text):
        number = float(found[1].replace(",", "."))
        return _of_years(number / 12 if in_months or found[2].startswith("m") else number)
    return None


def _of_years(years: float) -> str:
    return next((bucket for bucket, held in _YEARS.items() if math.floor(years) in held), _UNKNOWN)


def _most_of(first: int, last: int) -> str | None:
    """The bucket with most years of a range, the younger one of two with as many."""
    if not 0 <= first <= last <= 120:
        return None
    buckets = [_of_years(year) for year in range(first, last + 1)]
    return max(dict.fromkeys(buckets), key=buckets.count)
