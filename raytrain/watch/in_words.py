"""What a fit or a study would do, before anything runs: a baseline and a space in; a few lines out.

What it does, on what data, how long, with how much memory and disk. Of the demo's data only lines are counted.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytrain.config.baseline import Baseline
from raytrain.config.constants import GIB
from raytrain.config.reader import apply_sample
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.files import at_home
from raytrain.memory.flops import train_flops_per_clip
from raytrain.memory.kept_weights import checkpoint_bytes, study_weights
from raytrain.memory.prediction import UNKNOWN, Longest, predict, step_shape
from raytrain.memory.speed import SUSTAINED_SHARE, data_sheet_tflops
from raytrain.results.provenance import gpus
from raytrain.results.wording import counted, duration_text, key_name, short, size_text, split_text
from raytrain.search.axes import Axes
from raytrain.search.finalists import further_seeds
from raytrain.speech.manifest import manifest_path
from raytrain.speech.manifest_file import count_lines

if TYPE_CHECKING:
    from raytrain.watch.own_data import OwnData


def in_words(
    baseline: Baseline, space: SearchSpace | None, *, budget: dict[str, Any] | None, ended: int
) -> dict[str, str]:
    """The lines by their names; `ended` trials of the study are over already."""
    data = baseline.data
    lines = {one.manifest: _lines(one.manifest) for one in [*data.train_sources(), *data.validation_sources()]}
    own = _own_data(baseline)
    notes = [] if own is None else own.notes(space, baseline)
    return {
        "does": _work(baseline, space, ended),
        "data": _data(baseline, lines, own),
        "time": _time(baseline, space, lines, ended, own),
        "memory": _memory(baseline, space, own),
        "disk": _disk(baseline, space),
        **({} if budget is None else {"budget": budget["said"]}),
        **({"note": "; ".join(notes)} if notes else {}),
    }


def _own_data(baseline: Baseline) -> "OwnData | None":
    if baseline.data.train_manifest == "demo":
        return None
    from raytrain.watch.own_data import OwnData  # numpy and pyarrow: longer than all else here

    return OwnData.of(baseline)


def _work(baseline: Baseline, space: SearchSpace | None, ended: int) -> str:
    weights = baseline.model.pretrained or "random weights"
    one = (
        f"whisper-{baseline.model.variant} from {weights}, batch {split_text(baseline)} = "
        f"{baseline.effective_batch_size()}, learning rate {short(baseline.training.learning_rate)}"
    )
    if space is None:
        return f"trains {one}"
    number, again = space.search.trials, further_seeds(space.search, baseline)
    best = _finalists(space)
    repeats = f"; the best {best} and the baseline are trained again" if again and best else ""
    if ended:
        return f"goes on with a study around {one}: {ended} of {counted(number, 'trial')} ended{repeats}"
    others = f", then {number - 1} more with other {_listed(space)}" if number > 1 else ""
    return f"trains {one}{others}{repeats}"


def _finalists(space: SearchSpace) -> int:
    """As many as can be the best, the baseline apart."""
    return min(space.search.finalists, space.search.trials - 1)


def _listed(space: SearchSpace) -> str:
    *others, last = [key_name(key) for key in space.vary]
    return f"{', '.join(others)} and {last}" if others else last


def _lines(manifest: str) -> int | None:
    """How many a manifest has; None where there is none."""
    try:
        return count_lines(manifest_path(manifest))
    except (InputError, OSError):
        return None


def _data(baseline: Baseline, lines: Mapping[str, int | None], own: "OwnData | None") -> str:
    """What is there, with its lines, and what is not."""
    data = baseline.data
    names = [source.manifest for source in data.train_sources()]
    told = ", ".join(_with_lines(name, lines[name]) for name in names)
    if names == ["demo"]:
        told = f"{told}, synthetic; for yours data.train_manifest=PATH"
    if own is not None and own.halves is not None:
        return f"{told}; trains {own.halves.train}; scores {own.halves.validation}"
    apart = [_with_lines(source.manifest, lines[source.manifest]) for source in data.validation_sources()]
    scored = ", ".join(apart) if apart else f"{100 * data.validation_ratio:.3g} % of the children, who do not train"
    return f"{told}; scored on {scored}"


def _with_lines(manifest: str, lines: int | None) -> str:
    if lines is None:
        return f"{manifest} ({_why_none(at_home(manifest))})"
    return f"{manifest} ({counted(lines, 'line')})"


def _why_none(path: Path) -> str:
    if path.is_dir():
        return "a folder, no manifest"
    if path.exists():
        return "no manifest"
    there = [one.name for one in path.parent.glob("*.jsonl")] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, there, n=1)
    return f"there is no such file yet{f'; {near[0]} is' if near else ''}"


def _examples(
    baseline: Baseline, space: SearchSpace | None, lines: Mapping[str, int | None], own: "OwnData | None"
) -> int | None:
    """About how many clips a run trains on at most, going by the lines of its manifests."""
    if space is not None and space.budget.examples is not None:
        return space.budget.examples
    training, sources = baseline.training, baseline.data.train_sources()
    heard = [one.weight * number for one in sources if (number := lines[one.manifest]) is not None]
    bounds = [] if training.max_steps is None else [training.max_steps * baseline.effective_batch_size()]
    if training.num_epochs is not None and len(heard) == len(sources):
        asked = 1.0 if baseline.data.validation_manifest else 1 - baseline.data.validation_ratio
        share = asked if own is None or own.halves is None else own.halves.train_share
        bounds.append(round(training.num_epochs * sum(heard) * share))
    return min(bounds, default=None)


def _time(
    baseline: Baseline,
    space: SearchSpace | None,
    lines: Mapping[str, int | None],
    ended: int,
    own: "OwnData | None",
) -> str:
    examples = _examples(baseline, space, lines, own)
    if examples is None:
        return "follows from the number of clips; known once the data are there"
    trainings, each = 1, f"{examples} clips"
    if space is not None:
        again = (_finalists(space) + 1) * further_seeds(space.search, baseline) if _finalists(space) else 0
        trainings = max(0, space.search.trials - ended) + again
        of_finalists = f", {again} of them of finalists" if again else ""
        each = f"{examples} clips a trial, {counted(trainings, 'training')}{of_finalists}"
    cards = [] if baseline.scaling.use_gpu is False else [card["name"] for card in gpus()]
    peak = data_sheet_tflops(cards)
    if peak is None:
        return f"about {each}; how long that takes is told once the first has run (raytrain.plan --gpu-tflops N)"
    known = own is not None and own.extent is not None
    flops = own.flops_per_clip(baseline) if own else train_flops_per_clip(step_shape(baseline, UNKNOWN))
    seconds = trainings * examples * flops / (peak * SUSTAINED_SHARE * 1e12)
    if_long = "" if known else f"all clips were {baseline.audio.max_window_s:g} s long and "
    return f"about {each}; up to {duration_text(seconds)} on {cards[0]}, if {if_long}none were stopped"


def _memory(baseline: Baseline, space: SearchSpace | None, own: "OwnData | None") -> str:
    if baseline.scaling.use_gpu is False:
        return "no GPU: what a CPU takes is not predicted"
    longest = UNKNOWN if own is None else own.longest
    length = f"clips of {longest.clip_s or baseline.audio.max_window_s:.3g} s"
    card_gib = baseline.scaling.gpu_memory_gib
    own_gib = predict(baseline, longest).predicted_memory_gib
    of = f"of {card_gib:g} GiB" if card_gib is not None else "GiB of a GPU"
    said = f"{own_gib:.1f} {of} for the baseline, predicted for {length}"
    if card_gib is not None and own_gib > card_gib:
        return f"{own_gib:.1f} GiB do not fit {card_gib:g}, for {length}: raytrain.plan says what does"
    most_gib = own_gib if space is None else _most_gib(baseline, space, longest)
    if most_gib <= own_gib:
        return said
    return f"{said}; up to {most_gib:.1f} for what else is drawn, of which nothing is started that does not fit"


def _most_gib(baseline: Baseline, space: SearchSpace, longest: Longest) -> float:
    drawn = [apply_sample(baseline, sample) for sample in Axes(space, baseline).splits()]
    largest = max(one.training.batch_size for one in drawn)
    of_it = [one for one in drawn if one.training.batch_size == largest]  # alone, and where gradients are added up
    return max(predict(one, longest).predicted_memory_gib for one in (of_it[0], of_it[-1]))


def _disk(baseline: Baseline, space: SearchSpace | None) -> str:
    run_gib = (baseline.training.keep_best + 1) * checkpoint_bytes(baseline) / GIB
    if space is None:
        return f"up to {size_text(run_gib)} of checkpoints in {baseline.storage}"
    kept = study_weights(baseline, space)
    return (
        f"up to {size_text(kept['study_weights_gib'])} for the weights of {counted(kept['study_weights'], 'trial')} "
        f"(search.keep_weights) and {size_text(run_gib)} for each that runs, in {baseline.storage}"
    )
