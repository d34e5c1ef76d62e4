"""The configuration's types in; JSON schemas beside the YAML, for editors, out. `--check` only judges those there."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.find import CHECKOUT
from raytrain.config.space import SearchSpace
from raytrain.config.space_check import baseline_keys


def schemas() -> dict[str, dict[str, Any]]:
    """Each schema by its path in the checkout."""
    space = SearchSpace.model_json_schema()
    space["properties"]["vary"]["propertyNames"] = {"enum": baseline_keys()}
    return {
        "baselines/baseline.schema.json": Baseline.model_json_schema(),
        "search_spaces/search_space.schema.json": space,
    }


def main(arguments: list[str] | None = None, *, root: Path = CHECKOUT) -> int:
    """Write the schemas that changed, or with `--check` name them and return 1."""
    parser = argparse.ArgumentParser(prog="python -m raytrain.config.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a schema is not fresh")
    check = parser.parse_args(arguments).check
    stale = {path: text for path, text in _texts().items() if not _holds(root / path, text)}
    for path, text in stale.items():
        if check:
            print(f"{path}: not fresh; run python -m raytrain.config.schema", file=sys.stderr)
        else:
            (root / path).write_text(text, encoding="utf-8")
            print(f"wrote {path}", file=sys.stderr)
    return int(check and bool(stale))


def _texts() -> dict[str, str]:
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {
        path: json.dumps(dialect | schema, indent=2, ensure_ascii=False) + "\n" for path, schema in schemas().items()
    }


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
