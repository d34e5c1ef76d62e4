"""Four trials at once on one card, each capped to its share: a run in; how each of them ended, entered into it, out."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from raytrain.benchmarks.gpu_run import ROOM_ON_A_CPU_GIB, GpuRun
from raytrain.config.reader import load_baseline
from raytrain.errors import InputError
from raytrain.memory.footprint import Footprint
from raytrain.memory.prediction import gpu_fraction
from raytrain.results.records import Outcome
from raytrain.speech.corpus import prepare

_TRIALS = 4
_OVERFLOWS = _TRIALS - 1
"""The number of the trial that is made not to fit."""


def caps(run: GpuRun) -> None:
    """Four trials at once, each in its share; the last takes more than its own, and it alone must fail."""
    share, variant, gib = _share(run)
    trials = [_trial(run, number, share, variant, gib) for number in range(_TRIALS)]
    rows = run.rows_of("caps")
    with ThreadPoolExecutor(_TRIALS) as threads:
        rows += threads.map(partial(_end_of, run), trials)
    wanted = [Outcome.OUT_OF_MEMORY if number == _OVERFLOWS else Outcome.COMPLETED for number in range(_TRIALS)]
    outcomes = [row["outcome"] for row in rows]
    run.found["caps"] |= {"variant": variant, "gpu_fraction": share, "held": outcomes == wanted}
    run.say(f"{_TRIALS} trials of {variant} at {share:g} of the card: {', '.join(outcomes)}")


def _end_of(run: GpuRun, given: dict[str, Any]) -> dict[str, Any]:
    """What a trial's process tells of its end."""
    try:
        (told,) = run.child("trial", **given)
    except TimeoutError:
        told = {"outcome": "not_reached"}
    except InputError as error:
        told = {"outcome": str(Outcome.FAILED), "reason": str(error)}
    return {"trial": given["name"], "settings": given["settings"], **told}


def _share(run: GpuRun) -> tuple[float, str, float]:
    """What a trial is given, of the largest variant of which four fit: the part of the card, and that in GiB."""
    card_gib = run.card["memory_gib"]
    if card_gib is None:  # a CPU has no cards: a process may take so much more
        return 1.0, run.variant, ROOM_ON_A_CPU_GIB
    for variant in dict.fromkeys((run.variant, "base", "tiny")):
        share = gpu_fraction(_predicted_gib(run, variant, run.asked.size.batch_size), card_gib=card_gib)
        if share is not None and share * _TRIALS <= 1:
            return share, variant, share * card_gib
    raise InputError(f"a card of {card_gib:g} GiB has no room for four trials of tiny")


def _trial(run: GpuRun, number: int, share: float, variant: str, gib: float) -> dict[str, Any]:
    batch_size, window = run.asked.size.batch_size, "condensed"
    if number == _OVERFLOWS:
        window = "full"
        while _predicted_gib(run, variant, batch_size, window) < 2 * gib:
            batch_size *= 2
    return {
        "settings": _trial_settings(run, variant, batch_size, window),
        "folder": str(run.folder / "trials"),
        "name": f"trial-{number}",
        "gpu_fraction": share,
        "gib": gib,
    }


def _predicted_gib(run: GpuRun, variant: str, batch_size: int, window: str = "condensed") -> float:
    config = load_baseline("tiny", _trial_settings(run, variant, batch_size, window))
    return Footprint([prepare(run.manifest)]).predict(config).predicted_memory_gib


def _trial_settings(run: GpuRun, variant: str, batch_size: int, window: str) -> list[str]:
    """Random weights will do: what is looked at is memory."""
    size = run.asked.size
    return [
        *run.settings(batch_size=batch_size, accumulation=size.accumulation, variant=variant),
        f"audio.window={window}",
        "evaluation.max_utterances=2",
        "training.max_steps=3",
    ]
