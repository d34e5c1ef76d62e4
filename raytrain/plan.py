"""python -m raytrain.plan: what fits on a card, before anything is run."""

import argparse
import json
import shlex
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from raytrain.arguments import Parser
from raytrain.cli import run_door
from raytrain.config.baseline import Baseline
from raytrain.config.duration import hours_of
from raytrain.config.meant import OPTIONS, whole_keys
from raytrain.config.reader import load_baseline, load_space, split_overrides
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.memory.alternatives import ADAPTER_RATES, UNPACKING, as_typed
from raytrain.memory.buying import buys
from raytrain.memory.planning import Gpu, plan
from raytrain.results.wording import counted, size_text
from raytrain.search.finalists import judged_seeds
from raytrain.speech.extent import extent_of
from raytrain.speech.halves import halves_of
from raytrain.terminal import print_json, say, show
from raytrain.whisper.spoken import require_spoken

_HEADINGS = (
    "batch", "accumu-\nlation", "effective\nbatch", "step\nGiB", "peak\nGiB", "fits", "GPU\nshare", "at\nonce",
    "clips/s", "hours",
)  # fmt: skip


def main() -> None:
    """Run the door."""
    run_door(_plan)


def _plan() -> int:
    arguments = _parser().parse_intermixed_args()
    named = [f"data.train_manifest={_named(arguments.data)}"] if arguments.data else []
    if arguments.budget is not None:
        named.append(f"search.budget_hours={hours_of(arguments.budget, place='--budget'):.6f}")
    for_baseline, for_space = split_overrides([*arguments.overrides, *named])
    baseline = load_baseline(arguments.baseline or "small", for_baseline)
    require_spoken(baseline.model)
    space = load_space(arguments.space or "batching", for_space, baseline=baseline)
    card_gib = arguments.gpu_memory if arguments.gpu_memory is not None else baseline.scaling.gpu_memory_gib
    for name, value in (("--gpu-memory", card_gib), ("--gpu-tflops", arguments.gpu_tflops)):
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"{name} {value:g}: must be above 0")
    # A plan may be made before the data have arrived.
    known = extent_of(baseline.data, longest_s=baseline.audio.max_window_s)
    planned = plan(baseline, space, Gpu(card_gib=card_gib, tflops=arguments.gpu_tflops), extent=known)
    planned["budget"] = buys(baseline, space, tflops=arguments.gpu_tflops, extent=known)
    seeds = judged_seeds(space.search, baseline)
    halves = halves_of(baseline.data, seed=baseline.training.seed) if arguments.data else None
    if arguments.json:
        print_json(planned | ({} if halves is None else {"data": halves.as_dict(seeds=seeds)}))
        return 0
    for line in () if halves is None else halves.lines(seeds=seeds):
        say(line)
    _show(planned)
    if planned["baseline"]["fits"] is not False:
        show(f"next       {shlex.join(_study(arguments))}")
    return 0


def _study(arguments: argparse.Namespace) -> list[str]:
    """The command of the study that was planned."""
    named = {
        "--baseline": arguments.baseline or "small", "--space": arguments.space, "--budget": arguments.budget,
    }  # fmt: skip
    keys = {
        "data.train_manifest": _named(arguments.data) if arguments.data else None,
        "scaling.gpu_memory_gib": None if arguments.gpu_memory is None else f"{arguments.gpu_memory:g}",
    }
    options = [part for name, value in named.items() if value is not None for part in (name, value)]
    given = [f"{key}={value}" for key, value in keys.items() if value is not None]
    return ["python", "-m", "raytrain.tune", *options, *given, *arguments.overrides]


def _named(manifests: Sequence[str]) -> str:
    """The value of data.train_manifest; of several a list, as it would be typed."""
    return manifests[0] if len(manifests) == 1 else json.dumps(manifests, ensure_ascii=False)


def _show(planned: dict[str, Any]) -> None:
    show(_answer(planned))
    for assumption in planned["assumptions"]:
        say(f"note       {assumption}")
    table = Table(
        title=f"whisper-{planned['variant']}: predicted peak on one GPU",
        box=SIMPLE_HEAD,
        header_style="bold",
        padding=(0, 1, 0, 0),
    )
    kinds = len({row["trains"] for row in planned["rows"]}) > 1  # a study that chooses between full and adapter
    headings = (*(("trains",) if kinds else ()), *_HEADINGS, "")
    alike = _of_one_size(planned["rows"])
    own = planned["baseline"]
    cells = [
        [*([rows[0]["trains"]] if kinds else []), *_cells(rows), "baseline" if any(map(own.__eq__, rows)) else "-"]
        for rows in alike
    ]
    told = [number for number in range(len(headings)) if any(row[number] != "-" for row in cells)]
    for number in told:
        table.add_column(
            headings[number], justify="left" if headings[number] in ("trains", "") else "right", no_wrap=True
        )
    for rows, row in zip(alike, cells, strict=True):
        style = None if rows[0]["fits"] is not False else "bright_black"
        marked = "bold" if row[-1] != "-" else style
        table.add_row(*(row[number] for number in told if number < len(row) - 1), row[-1].strip("-"), style=marked)
    Console(markup=False).print(table)
    parts = ", ".join(f"{name.replace('_', ' ')} {gib:.2f}" for name, gib in own["parts"].items() if gib)
    split = f"{own['batch_size']} × {own['gradient_accumulation_steps']}"
    show(f"parts      {parts} GiB, of the baseline's own {split}")
    one, run, study = (size_text(planned[f"{what}_gib"]) for what in ("checkpoint", "run_checkpoints", "study_weights"))
    trials = counted(planned["study_weights"], "trial")
    kept = f"a study keeps the weights of up to {trials}, {study} (search.keep_weights)"
    show(f"disk       {one} a checkpoint, {run} a run; {kept}")
    if planned["gpu_memory_gib"] is not None:
        largest = planned["largest_fitting_batch_size"]
        verdict = f"largest micro-batch: {largest}" if largest else "nothing fits as it is; what would change that:"
        card = f"{planned['gpu_memory_gib']:g} GiB"
        show(f"{card:<10} {verdict}")
    if planned["budget"] is not None:
        show(f"budget     {planned['budget']['said']}")
    origin = " × ".join(str(value) for value in planned["changes_from"].values())
    _show_alternatives(planned)
    for change in planned["changes"] if own["fits"] is not True else ():
        overrides = as_typed(change["change"])
        fits = {True: ", fits", False: ", does not fit", None: ""}[change["fits"]]
        show(
            f"from {origin}: {change['predicted_memory_gib']:.2f} GiB ({change['gain_gib']:.2f} less{fits}) {overrides}"
        )


def _answer(planned: dict[str, Any]) -> str:
    """Whether the baseline fits, first of all."""
    own, card_gib = planned["baseline"], planned["gpu_memory_gib"]
    split, peak = f"{own['batch_size']} × {own['gradient_accumulation_steps']}", f"{own['predicted_memory_gib']:.1f}"
    if card_gib is None:
        return f"{split} takes {peak} GiB; --gpu-memory GIB says whether that fits"
    if own["fits"]:
        return f"{split} fits: {peak} of {card_gib:g} GiB"
    largest = planned["largest_fitting_batch_size"]
    way = f"the largest micro-batch that does is {largest}" if largest else "what would fit is below"
    return f"{split} does not fit: {peak} of {card_gib:g} GiB; {way}"


def _cells(alike: Sequence[dict[str, Any]]) -> list[str]:
    """A row of the table, "-" where something is not known: splits that take the same memory."""
    row = alike[0]
    return [
        str(row["batch_size"]),
        *(_span(one[key] for one in alike) for key in ("gradient_accumulation_steps", "effective_batch_size")),
        f"{row['step_gib']:.2f}",
        f"{row['predicted_memory_gib']:.2f}",
        {True: "yes", False: "no", None: "-"}[row["fits"]],
        *(_number(row[key]) for key in ("gpu_fraction", "side_by_side", "train_examples_per_s")),
        _span(one["hours"] for one in alike),
    ]


def _show_alternatives(planned: dict[str, Any]) -> None:
    """What would fit where the baseline does not."""
    if planned["baseline"]["fits"] is not False or not planned["alternatives"]:
        return
    table = Table(title="what would fit, best first", box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for heading in ("trains", "base", "optimizer", "batch", "recomputes", "window", "GiB", "time"):
        table.add_column(heading, no_wrap=True)
    for row in planned["alternatives"]:
        table.add_row(
            row["trains"],
            row["base_precision"] or "-",
            row["optimizer"],
            f"{row['batch_size']} × {row['gradient_accumulation_steps']}",
            "yes" if row["gradient_checkpointing"] else "no",
            f"{row['window_s']:g}",
            f"{row['predicted_memory_gib']:.2f}",
            f"{row['relative_time']:.2f}{'~' if row['time_is_estimated'] else ''}",
        )
    Console(markup=False).print(table)
    show(
        f"time       operations a clip, of the baseline's; ~ times {UNPACKING:g}, an estimate, where weights are "
        "unpacked as they are read"
    )
    show(f"best       {as_typed(planned['alternatives'][0]['change'])}")
    if any(row["base_precision"] for row in planned["alternatives"]):
        show(f"rates      an adapter learns at {ADAPTER_RATES}, with adamw: set training.learning_rate, too")


def _of_one_size(rows: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Splits that take the same memory: of one micro-batch, those that accumulate."""
    return [
        list(alike) for _, alike in groupby(rows, key=lambda row: (row["trains"], row["batch_size"], row["step_gib"]))
    ]


def _span(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    ends = [_number(end) for end in (min(known, default=None), max(known, default=None))]
    return " to ".join(dict.fromkeys(ends))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m raytrain.plan",
        description="Predict what fits on a card: no GPU, no weights.",
        example="python -m raytrain.plan --baseline small --gpu-memory 8",
        keys=[*whole_keys(Baseline), *whole_keys(SearchSpace)],
        slips=OPTIONS | {"--config": "--baseline", "--trials": "search.trials="},
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="a key of the baseline, or of the space")
    parser.add_argument("--baseline", metavar="NAME", help="in baselines/, or a file; small if not given")
    parser.add_argument("--space", metavar="NAME", help="in search_spaces/, or a file; batching if not given")
    parser.add_argument(
        "--data", metavar="MANIFEST", action="append",
        help="data.train_manifest, and say what will be scored; once for each of several",
    )  # fmt: skip
    parser.add_argument("--gpu-memory", type=float, metavar="GIB", help="of the card; else scaling.gpu_memory_gib")
    parser.add_argument("--gpu-tflops", type=float, metavar="N", help="what the card sustains, not its peak")
    parser.add_argument("--budget", metavar="TIME", help="of a study, as in 8h: say how many trials it buys")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


if __name__ == "__main__":
    main()
