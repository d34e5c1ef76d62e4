"""What --dry-run prints: a resolved baseline, and a study's space, in; YAML or one JSON object on stdout, out."""

from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.derived import derived
from raytrain.config.dump import dump_tree, dump_yaml
from raytrain.config.space import SearchSpace
from raytrain.memory.kept_weights import study_weights
from raytrain.terminal import print_json, show


def show_resolved(
    baseline: Baseline, space: SearchSpace | None = None, *, budget: dict[str, Any] | None = None, as_json: bool
) -> None:
    """Print the resolved configuration and what follows from it, and what a budget buys: what is not known without
    data is null."""
    numbers = derived(baseline, None) | ({} if space is None else study_weights(baseline, space))
    asked = {} if space is None else {"space": space.model_dump()}
    if as_json:
        bought = {} if budget is None else {"budget": budget}
        print_json({"config": baseline.model_dump(), "derived": numbers, **asked, **bought})
        return
    # What a terminal must not see stands escaped as YAML escapes it: it reads back to the same.
    show(dump_yaml(baseline).rstrip("\n"))
    for name, value in numbers.items():
        show(f"# {name}: {'null' if value is None else f'{value:.4g}' if isinstance(value, float) else value}")
    for tree in asked.values():
        for line in dump_tree(tree).splitlines():
            show(f"# {line}")
    if budget is not None:
        show(f"# budget: {budget['said']}")
