"""Values as JSON can hold them."""

import math
from typing import Any


def finite(value: Any) -> Any:
    """The same tree with every float that is not finite replaced by None, since JSON has no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
