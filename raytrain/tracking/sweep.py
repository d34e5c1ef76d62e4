"""A search space in; the same question as a Weights & Biases sweep, for `wandb sweep` and `wandb agent`, out.

`python -m raytrain.tracking.sweep` writes `search_spaces/wandb/*.yaml` from the spaces beside it; `--check` only judges
those there. What a sweep cannot say is left out, and each file says so.
"""

import sys
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.branches import ADAPTER_KIND, branches_drawn, of_branch
from raytrain.config.dump import dump_tree
from raytrain.config.find import CHECKOUT
from raytrain.config.fresh import keep_fresh
from raytrain.config.languages import Rate
from raytrain.config.reader import load_baseline, load_space
from raytrain.config.space import ByBranch, Choice, Range, SearchSpace, Variation
from raytrain.errors import InputError
from raytrain.results.rates import name_of
from raytrain.search.axes import Axes, Sample, stepped
from raytrain.terminal import say

BASELINE = "baselines/small.yaml"
_COMMAND = ["${env}", "${interpreter}", "-m", "raytrain.fit", "--config", BASELINE, "${args_no_hyphens}"]
_LEFT_OUT = """\
# Made from search_spaces/{space}.yaml by python -m raytrain.tracking.sweep: change that file, and make this one again.
#   wandb sweep search_spaces/wandb/{name}.yaml, then wandb agent ... from this folder, as often as there are GPUs.
# A sweep has no memory limit, no rungs and no budget in examples: each run trains as long as the baseline, one that
# runs out of memory fails, and warm-up counts steps whatever the batch. raytrain.tune does all that.
"""
_PAIRS = """\
# `training` holds the pairs of batch size and accumulation whose effective batch lies from {low:g} to {high:g}:
# a sweep draws each parameter on its own, and could not keep their product there.
"""


_BRANCHES = """\
# A sweep has no conditional keys: full and adapter fine-tuning, which that space chooses between, have one each.
"""


def study_sweep(space: SearchSpace, *, name: str, rate: Rate = "WER") -> dict[str, Any]:
    """A sweep to show a study's trials in: it says what varies, and has no command, since Ray proposes and trains."""
    return {
        "name": name,
        "description": "Proposed by Optuna and run by Ray Tune: raytrain.tune --wandb-sweep",
        **_question(space, rate),
        "parameters": {key: _parameter(key, variation) for key, variation in space.vary.items()},
    }


def agent_sweeps(space: SearchSpace, *, name: str, baseline: Baseline) -> dict[str, dict[str, Any]]:
    """The sweeps for agents that a space makes, by name: one for each branch of a space that chooses between full and
    adapter fine-tuning, with its share of the trials."""
    branches = branches_drawn(space.vary, baseline)
    if len(branches) == 1:
        return {name: agent_sweep(space, name=name, baseline=baseline)}
    share = space.search.model_copy(update={"trials": -(-space.search.trials // len(branches))})
    return {
        f"{name}-{branch}": agent_sweep(
            of_branch(space, branch).model_copy(update={"search": share}), name=f"{name}-{branch}", baseline=baseline
        )
        for branch in branches
    }


def agent_sweep(space: SearchSpace, *, name: str, baseline: Baseline) -> dict[str, Any]:
    """A sweep for agents: they run `raytrain.fit` with the values that W&B draws, all within what the space keeps."""
    axes = Axes(space, baseline)
    if len(axes.branches) > 1:
        raise InputError(f"vary.{ADAPTER_KIND}: a sweep has no conditional keys; make one of each kind")
    sizes = {axis.key: axis.values for axis in axes.factors if axis.key != "scaling.num_workers"}
    parameters = {key: _parameter(key, variation) for key, variation in space.vary.items() if key not in sizes}
    if axes.window is not None and "scaling.num_workers" in parameters:
        raise InputError("vary.scaling.num_workers: a sweep cannot keep the effective batch in bounds; leave one out")
    if axes.window is not None and len(sizes) == 2:
        parameters = {"training": {"values": [_section(split) for split in axes.splits()]}, **parameters}
    else:
        kept = {key: [value for value in sizes[key] if axes.contains({key: value})] for key in sizes}
        parameters = {key: {"values": values} for key, values in kept.items()} | parameters
    return {
        "name": name,
        **_question(space, baseline.model.rate()),
        "run_cap": space.search.trials,
        "command": _COMMAND,
        "parameters": parameters,
    }


def main(arguments: list[str] | None = None, *, root: Path = CHECKOUT) -> int:
    """Write the sweeps that changed, or with `--check` name them and return 1."""
    return keep_fresh(_texts(), arguments, root=root, module="raytrain.tracking.sweep", about=__doc__)


def _texts() -> dict[str, str]:
    """Each sweep by its path in the checkout. A space that BASELINE or a sweep cannot take is left out, and said."""
    texts: dict[str, str] = {}
    for path in sorted((CHECKOUT / "search_spaces").glob("*.yaml")):
        try:
            texts |= {f"search_spaces/wandb/{name}.yaml": text for name, text in _texts_of(path).items()}
        except InputError as error:
            say(f"no sweep is made from search_spaces/{path.name}: {error}")
    return texts


def _texts_of(path: Path) -> dict[str, str]:
    """What is made of a space, by name."""
    baseline = load_baseline(str(CHECKOUT / BASELINE))
    space = load_space(str(path), baseline=baseline)
    bounds = space.keep.effective_batch_size
    texts: dict[str, str] = {}
    for name, sweep in agent_sweeps(space, name=path.stem, baseline=baseline).items():
        about = _LEFT_OUT.format(space=path.stem, name=name)
        about += _PAIRS.format(low=bounds.low, high=bounds.high) if bounds and "training" in sweep["parameters"] else ""
        about += _BRANCHES if name != path.stem else ""
        texts[name] = about + dump_tree(sweep)
    return texts


def _question(space: SearchSpace, rate: Rate) -> dict[str, Any]:
    """A sweep's method and its metric, the lowest error rate."""
    method = "random" if space.search.sampler == "random" else "bayes"
    return {"method": method, "metric": {"name": name_of("eval_wer", rate), "goal": "minimize"}}


def _parameter(key: str, variation: Variation) -> dict[str, Any]:
    """A distribution in W&B's terms; both ends are reachable, as in the space. A sweep has no conditional keys: of one
    that is drawn by branch it is told what is drawn in either."""
    if isinstance(variation, ByBranch):
        variation = _either(variation)
    if isinstance(variation, Choice):
        # On a command line an agent would make Python's None of null.
        return {"values": ["null" if value is None else value for value in dict.fromkeys(variation.values)]}
    if variation.step is not None:
        # Rounded: 3 × 0.05 is 0.15000000000000002.
        return {"values": [round(value, 12) for value in stepped(variation)]}
    whole = isinstance(variation.low, int) and isinstance(variation.high, int)
    kinds: dict[tuple[bool, bool], dict[str, Any]] = {
        (False, False): {"distribution": "uniform"},
        (False, True): {"distribution": "log_uniform_values"},
        (True, False): {"distribution": "int_uniform"},
        (True, True): {"distribution": "q_log_uniform_values", "q": 1},
    }
    return {**kinds[whole, variation.log], "min": variation.low, "max": variation.high}


def _either(drawn: ByBranch) -> Choice | Range:
    full, adapter = drawn.full, drawn.adapter
    if isinstance(full, Range) and isinstance(adapter, Range):
        ends = {"low": min(full.low, adapter.low), "high": max(full.high, adapter.high)}
        return Range.model_validate({**ends, "log": full.log and adapter.log})
    listed = [one.values if isinstance(one, Choice) else [one.low, one.high] for one in (full, adapter)]
    return Choice(values=list(dict.fromkeys(value for values in listed for value in values)))


def _section(split: Sample) -> str:
    """Two keys as one override of their section: a sweep's parameter is drawn on its own, and passes one key."""
    return "{" + ", ".join(f"{key.removeprefix('training.')}: {value}" for key, value in split.items()) + "}"


if __name__ == "__main__":
    sys.exit(main())
