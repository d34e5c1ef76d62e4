"""A length of time as people type it, 8h, 90m, 1h30m or 300s, in; hours out."""

import re

from raytrain.errors import InputError

_FORM = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)


def hours_of(text: str, *, place: str) -> float:
    """Hours; InputError at `place` where it is no length of time, or none at all."""
    found = _FORM.fullmatch(text.strip().lower().replace(" ", ""))
    if found is None or not any(found.groups()):
        is_bare = re.fullmatch(r"\d+(\.\d+)?", text.strip(), re.ASCII)
        fact = "a number without its unit" if is_bare else "no length of time"
        example = f"{text.strip()}h or {text.strip()}m" if is_bare else "8h, 2.5h, 90m or 1h30m"
        meant = ((text,), (f"{text.strip()}h",)) if is_bare else None
        raise InputError(f"{place} {text}: {fact}; write {example}", meant=meant)
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    total = hours + minutes / 60 + seconds / 3600
    if not 0 < total <= 100_000:
        raise InputError(f"{place} {text}: must be above 0, and at most 100000h")
    return total
