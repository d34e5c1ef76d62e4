"""What --dry-run prints: a resolved baseline, and a study's space, in; a few plain lines, and all keys or JSON, out."""

from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.derived import derived
from raytrain.config.dump import dump_tree, dump_yaml
from raytrain.config.space import SearchSpace
from raytrain.memory.kept_weights import study_weights
from raytrain.terminal import print_json, show
from raytrain.watch.in_words import in_words


def show_resolved(
    baseline: Baseline,
    space: SearchSpace | None = None,
    *,
    budget: dict[str, Any] | None = None,
    ended: int = 0,
    full: bool = False,
    as_json: bool,
) -> None:
    """Print what would be done, on what data, how long and with how much memory and disk; with `full` the resolved
    configuration below it, as a file that can be read again. `ended` trials of the study there are already."""
    numbers = derived(baseline, None) | ({} if space is None else study_weights(baseline, space))
    asked = {} if space is None else {"space": space.model_dump()}
    if as_json:
        bought = {} if budget is None else {"budget": budget}
        print_json({"config": baseline.model_dump(), "derived": numbers, **asked, **bought})
        return
    for name, words in in_words(baseline, space, budget=budget, ended=ended).items():
        show(f"{'# ' if full else ''}{name:<10} {words}")
    if not full:
        show("more       --full shows every key as it comes out; without --dry-run it begins")
        return
    # What a terminal must not see stands escaped as YAML escapes it: it reads back to the same.
    show(dump_yaml(baseline).rstrip("\n"))
    for name, value in numbers.items():
        show(f"# {name}: {'null' if value is None else f'{value:.4g}' if isinstance(value, float) else value}")
    for tree in asked.values():
        for line in dump_tree(tree).splitlines():
            show(f"# {line}")
