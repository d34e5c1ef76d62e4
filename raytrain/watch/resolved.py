"""What --dry-run prints: a resolved baseline, and a study's space, in; a few plain lines, and all keys or JSON, out."""

from pathlib import Path
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.constants import GIB
from raytrain.config.derived import derived
from raytrain.config.dump import dump_tree, dump_yaml
from raytrain.config.space import SearchSpace
from raytrain.files import at_home
from raytrain.memory.flops import train_flops_per_clip
from raytrain.memory.kept_weights import checkpoint_bytes, study_weights
from raytrain.memory.prediction import UNKNOWN, predict, step_shape
from raytrain.memory.speed import SUSTAINED_SHARE, data_sheet_tflops
from raytrain.results.provenance import gpus
from raytrain.results.wording import duration_text, key_name, short, split_text
from raytrain.search.finalists import further_seeds
from raytrain.terminal import print_json, show

_DEMO = "demo"


def show_resolved(
    baseline: Baseline,
    space: SearchSpace | None = None,
    *,
    budget: dict[str, Any] | None = None,
    full: bool = False,
    as_json: bool,
) -> None:
    """Print what would be done, on what data, how long and with how much memory and disk; with `full` the resolved
    configuration below it, as a file that can be read again."""
    numbers = derived(baseline, None) | ({} if space is None else study_weights(baseline, space))
    asked = {} if space is None else {"space": space.model_dump()}
    if as_json:
        bought = {} if budget is None else {"budget": budget}
        print_json({"config": baseline.model_dump(), "derived": numbers, **asked, **bought})
        return
    for name, words in _in_words(baseline, space, budget).items():
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


def _in_words(baseline: Baseline, space: SearchSpace | None, budget: dict[str, Any] | None) -> dict[str, str]:
    lines = _lines(baseline)
    examples = _examples(baseline, space, lines)
    return {
        "does": _work(baseline, space),
        "data": _data(baseline, lines),
        "time": _time(baseline, examples, trials=1 if space is None else space.search.trials),
        "memory": _memory(baseline),
        "disk": _disk(baseline, space),
        **({} if budget is None else {"budget": budget["said"]}),
    }


def _work(baseline: Baseline, space: SearchSpace | None) -> str:
    weights = baseline.model.pretrained or "random weights"
    one = (
        f"whisper-{baseline.model.variant} from {weights}, batch {split_text(baseline)} = "
        f"{baseline.effective_batch_size()}, learning rate {short(baseline.training.learning_rate)}"
    )
    if space is None:
        return f"trains {one}"
    again = further_seeds(space.search, baseline)
    repeats = f"; the best {space.search.finalists} are trained again" if again and space.search.finalists else ""
    return f"trains {one}, then {space.search.trials - 1} more with other {_listed(space)}{repeats}"


def _listed(space: SearchSpace) -> str:
    *others, last = [key_name(key) for key in space.vary]
    return f"{', '.join(others)} and {last}" if others else last


def _data(baseline: Baseline, lines: int | None) -> str:
    names = [source.manifest for source in baseline.data.train_sources()]
    if names == [_DEMO]:
        return "the demo's synthetic corpus; for yours data.train_manifest=PATH"
    missing = [name for name in names if name != _DEMO and not at_home(name).is_file()]
    if missing:
        return f"{', '.join(names)}; not there yet: {', '.join(missing)}"
    scored = (
        f"{100 * baseline.data.validation_ratio:.3g} % of the children"
        if not baseline.data.validation_manifest
        else ("the validation manifest")
    )
    return f"{', '.join(names)}, {lines} lines; scored on {scored}"


def _lines(baseline: Baseline) -> int | None:
    """Of all manifests together; None where one is not there, and of the demo."""
    paths = [at_home(source.manifest) for source in baseline.data.train_sources() if source.manifest != _DEMO]
    if not paths or not all(path.is_file() for path in paths):
        return None
    return sum(_count(path) for path in paths)


def _count(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _examples(baseline: Baseline, space: SearchSpace | None, lines: int | None) -> int | None:
    """About how many clips a run trains on, going by the lines of its manifests."""
    training = baseline.training
    if space is not None and space.budget.examples is not None:
        return space.budget.examples
    bounds = [] if training.max_steps is None else [training.max_steps * baseline.effective_batch_size()]
    if training.num_epochs is not None and lines is not None:
        share = 1.0 if baseline.data.validation_manifest else 1 - baseline.data.validation_ratio
        bounds.append(round(training.num_epochs * lines * share))
    return min(bounds, default=None)


def _time(baseline: Baseline, examples: int | None, *, trials: int) -> str:
    if examples is None:
        return "follows from the number of clips; known once the data are there"
    each = f"{examples} clips" if trials == 1 else f"{examples} clips a trial, {trials} trials"
    cards = [] if baseline.scaling.use_gpu is False else [card["name"] for card in gpus()]
    peak = data_sheet_tflops(cards)
    if peak is None:
        return f"{each}; how fast they go is told once the first has run (with a GPU: raytrain.plan --gpu-tflops N)"
    flops = train_flops_per_clip(step_shape(baseline, UNKNOWN))
    seconds = trials * examples * flops / (peak * SUSTAINED_SHARE * 1e12)
    longest = f"{baseline.audio.max_window_s:g} s"
    return f"{each}; up to {duration_text(seconds)} on {cards[0]}, were all clips of {longest} and none stopped early"


def _memory(baseline: Baseline) -> str:
    peak_gib, card_gib = predict(baseline, UNKNOWN).predicted_memory_gib, baseline.scaling.gpu_memory_gib
    of = f"of {card_gib:g} GiB" if card_gib is not None else "GiB of a GPU"
    return f"{peak_gib:.1f} {of} at most, predicted for clips of {baseline.audio.max_window_s:g} s"


def _disk(baseline: Baseline, space: SearchSpace | None) -> str:
    run_gib = (baseline.training.keep_best + 1) * checkpoint_bytes(baseline) / GIB
    if space is None:
        return f"up to {run_gib:.2g} GiB of checkpoints in {baseline.storage}"
    kept = study_weights(baseline, space)
    return (
        f"up to {kept['study_weights_gib']:.2g} GiB for the weights of {kept['study_weights']} trials "
        f"(search.keep_weights) and {run_gib:.2g} GiB for each that runs, in {baseline.storage}"
    )
