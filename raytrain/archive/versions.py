"""The folder of a run in; the commit and the versions it was made with out, or those of now where it does not say."""

import json
from pathlib import Path
from typing import Any

from raytrain.archive.trainer_run import TrainerRun
from raytrain.results.provenance import provenance


def versions_of(folder: Path) -> tuple[str | None, dict[str, str | None], bool]:
    """As study.json or fit.json has them, or transformers' own of a foreign run; last, whether they are the run's."""
    for name in ("study.json", "fit.json"):
        made_with = _provenance(folder / name)
        if made_with:
            commit = made_with.get("commit")
            return _named(commit), {"python": made_with.get("python"), **(made_with.get("versions") or {})}, True
    transformers = TrainerRun(folder).model.get("transformers_version")
    if transformers:
        return None, {"transformers": transformers}, True
    now = provenance([], {})
    return _named(now["commit"]), {"python": now["python"], **now["versions"]}, False


def _named(commit: Any) -> str | None:
    """The hash, marked where the checkout differed from it."""
    if isinstance(commit, dict):
        return f"{commit.get('hash')}{'-dirty' if commit.get('dirty') else ''}"
    return commit if isinstance(commit, str) else None


def _provenance(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))["provenance"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return value if isinstance(value, dict) else {}
