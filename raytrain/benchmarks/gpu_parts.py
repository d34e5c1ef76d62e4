"""Parts of a GPU's bench: a run in; checks, speed beside the usual recipe and memory entered into what it has found."""

import subprocess
import time
from typing import Any

from raytrain.benchmarks.beside import ratios, told_of, weights_folder
from raytrain.benchmarks.gpu_run import GpuRun
from raytrain.benchmarks.memory_grid import summary
from raytrain.benchmarks.work import Work
from raytrain.errors import InputError

_ROOM_FOR_THE_GRID_GIB = 8.0
"""Where there is no card whose size decides."""


def checks(run: GpuRun) -> None:
    """Whether the device computes what the CPU does."""
    rows = run.rows_of("checks")
    given = {"settings": run.settings(batch_size=4, accumulation=1), "manifest": str(run.manifest)}
    for row in run.child("checks", half=run.card["half"], clips=run.asked.size.checked_clips, **given):
        rows.append(row)
        answer = {True: "yes", False: "NO", None: "only a GPU can tell"}[row["held"]]
        figure = "" if row["found"] is None else f" ({row['found']:.2g}, limit {row['limit']:g})"
        run.say(f"{row['check']}: {answer}{figure}{': ' + row['reason'] if row['reason'] else ''}")
        run.keep()


def step(run: GpuRun) -> None:
    """Training and scoring, one cell beside the usual recipe and others alone."""
    size, rows = run.asked.size, run.rows_of("step")
    own = {"variant": run.variant, "batch_size": size.batch_size, "accumulation": size.accumulation}
    both = {side: _measured(run, side, own) for side in ("ours", "peer")}
    ours, peer = both["ours"], both["peer"]
    run.found["step"]["beside"] = {
        **ratios(ours, peer, train="steady_steps_per_s"),
        "mfu": ours["mfu"],
        "peer_mfu": peer["mfu"],
        "data_wait_share": ours["data_wait_share"],
    }
    beside = ", ".join(f"{name} {value}" for name, value in run.found["step"]["beside"].items())
    run.say(f"{run.variant} {size.batch_size} x {size.accumulation} beside the usual recipe: {beside}")
    others: list[dict[str, Any]] = [
        {"variant": variant or run.variant, "batch_size": batch_size, "accumulation": accumulation}
        for variant, batch_size, accumulation in size.others
    ]
    others.append(own | {"window": "fitted"})  # whose attention counts no position for many, and is flash attention
    if size.compiled:
        others.append(own | {"compiled": True})
    for place, cell in enumerate(others):
        try:
            _measured(run, "ours", cell)
        except subprocess.TimeoutExpired:
            for missed in others[place:]:
                run.missed(f"step: {_words(missed)}")
            return
        except InputError as error:  # torch.compile needs a C compiler, and a large batch memory
            rows.append({"cell": cell, "broke_down": str(error)})
            run.say(f"{_words(cell)}: {error}")


def _words(cell: dict[str, Any]) -> str:
    more = [*(["compiled"] if cell.get("compiled") else []), *([cell["window"]] if "window" in cell else [])]
    return ", ".join([f"{cell['variant']} {cell['batch_size']} x {cell['accumulation']}", *more])


def _measured(run: GpuRun, side: str, cell: dict[str, Any]) -> dict[str, Any]:
    """What a side tells of a cell, some of the values of a Work, entered among the rows."""
    folder = run.weights
    if cell["variant"] != run.variant:
        folder, _ = weights_folder(cell["variant"], run.folder)
    work = Work(
        model=str(folder),
        manifest=str(run.manifest),
        steps=run.asked.size.steps,
        scored=run.asked.size.scored,
        precision=run.card["half"],
        threads=run.asked.threads,
        device=run.asked.device,
        repeats=True,
        **cell,
    )
    told = told_of(side, work, timeout_s=max(0.1, run.ends_s - time.monotonic()))
    told["mfu"] = None
    if run.peak_tflops is not None and told["model_tflops"] is not None:
        told["mfu"] = round(told["model_tflops"] / run.peak_tflops, 4)
    done = {name: getattr(work, name) for name in (*cell, "compiled", "window", "precision")}
    run.found["step"]["rows"].append({"side": side, **done, **told})
    run.say(
        f"{side} {_words(cell)}: "
        f"{told['steady_steps_per_s']} steps/s, {told['eval_clips_per_s']} clips/s scored, "
        f"{told['memory_gib']} GiB, MFU {told['mfu']}"
    )
    run.keep()
    return told


def memory(run: GpuRun) -> None:
    """Predicted against measured memory, over as much of the grid as there is time for."""
    rows, planned = run.rows_of("memory"), None
    card_gib = run.card["memory_gib"] or _ROOM_FOR_THE_GRID_GIB
    try:
        for row in run.child(
            "memory", card_gib=card_gib, half=run.card["half"], variant=run.variant, points=run.asked.size.points
        ):
            if planned is None:
                planned = row["points"]
                continue
            rows.append(row)
            run.found["memory"]["summary"] = summary(rows)
            run.keep()
    except TimeoutError:
        run.missed(f"memory: {(planned or 0) - len(rows)} of {planned or 'all'} points")
    run.say(f"memory, predicted by measured: {summary(rows)}")
