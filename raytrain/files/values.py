"""JSON files in; their values out, or the one line that says what to mend."""

import json
import math
from pathlib import Path
from typing import Any

from raytrain.errors import InputError


def read_json(path: Path) -> Any:
    """A file's value; one that is missing or is no JSON is the person's to mend."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; name the folder of a study or a fit") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not JSON ({error}); restore the file, or start anew in another folder") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; make it a file that can be read") from None


def read_json_or_nothing(path: Path) -> dict[str, Any]:
    """A file's JSON object; {} where it is missing, torn or anything else, as files of other versions may be."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def finite(value: Any) -> Any:
    """The same tree with every float that is not finite replaced by None, since JSON has no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
