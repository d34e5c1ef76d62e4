"""The configuration's types in; JSON schemas beside the YAML, for editors, out. `--check` only judges those there."""

import json
import sys
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.find import CHECKOUT
from raytrain.config.fresh import keep_fresh
from raytrain.config.space import SearchSpace
from raytrain.config.space_check import baseline_keys


def schemas() -> dict[str, dict[str, Any]]:
    """Each schema by its path in the checkout."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    space = SearchSpace.model_json_schema()
    space["properties"]["vary"]["propertyNames"] = {"enum": baseline_keys()}
    space["$defs"]["Keep"]["patternProperties"] = {r"^also\.": {"$ref": "#/$defs/Ceiling"}}
    return {
        "baselines/baseline.schema.json": dialect | Baseline.model_json_schema(),
        "search_spaces/search_space.schema.json": dialect | space,
    }


def main(arguments: list[str] | None = None, *, root: Path = CHECKOUT) -> int:
    """Write the schemas that changed, or with `--check` name them and return 1."""
    texts = {path: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for path, schema in schemas().items()}
    return keep_fresh(texts, arguments, root=root, module="raytrain.config.schema", about=__doc__)


if __name__ == "__main__":
    sys.exit(main())
