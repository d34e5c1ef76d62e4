"""A baseline, or any tree of plain values, in; the YAML that reads back to the same out, one key a line."""

import io
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

from raytrain.config.baseline import Baseline

_READS_AS_TEXT_EVERYWHERE = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null|nan|inf)$)[a-z][\w./-]*", re.I | re.A)


def dump_yaml(baseline: Baseline) -> str:
    """A file for `load_baseline`."""
    return dump_tree(baseline.model_dump())


def by_dotted_key(settings: BaseModel) -> dict[str, Any]:
    """Every setting under the dotted name it has in files, overrides and sweeps: {"training.batch_size": 8}."""
    return flat(settings.model_dump(), separator=".")


def flat(values: Mapping[str, Any], *, separator: str) -> dict[str, Any]:
    """Nested tables as one, each value by the names on its way: {"a": {"b": 1}} is {"a.b": 1} where . separates."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= {f"{key}{separator}{inner}": item for inner, item in flat(value, separator=separator).items()}
        else:
            found[key] = value
    return found


def dump_tree(tree: Mapping[str, Any]) -> str:
    """A file for any YAML reader: text that an older one takes for something else (`no`) is quoted."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # the schema's order, not the alphabet's
    yaml.Representer = _Representer
    yaml.width = 2**20  # never fold a long text
    stream = io.StringIO()
    yaml.dump(dict(tree), stream)
    return stream.getvalue()


class _Representer(SafeRepresenter):
    """Values that every reader takes for what they are: text in quotes where it looks like something else."""

    def represent_str(self, data: Any) -> ScalarNode:
        style = None if _READS_AS_TEXT_EVERYWHERE.fullmatch(data) else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def represent_float(self, data: float) -> ScalarNode:
        text = repr(data)
        if "." not in text:
            text = text.replace("e", ".0e")  # without a point, older readers take 1e-05 for text
        return self.represent_scalar("tag:yaml.org,2002:float", text)


_Representer.add_representer(float, _Representer.represent_float)
_Representer.add_representer(str, _Representer.represent_str)
