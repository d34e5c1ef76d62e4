"""How many trials a budget of hours buys: a baseline, a space and a card's speed, or a study's trials, in; numbers out.

Before anything has run it is arithmetic by the card's speed, right to within a factor of two or three; once trial 0 has
run its time is measured, and everything else follows from that.
"""

import math
from collections.abc import Sequence
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.memory.planning import examples_of, flops_per_clip
from raytrain.memory.speed import SUSTAINED_SHARE, data_sheet_tflops
from raytrain.results.choose import baseline_trial
from raytrain.results.provenance import gpus
from raytrain.results.records import TrialRecord
from raytrain.results.wording import counted, duration_text, hours_text, short
from raytrain.search.budget import Allowance, Left, Pace, Took, Work
from raytrain.search.finalists import further_seeds
from raytrain.speech.extent import Extent, extent_of


def buys(
    baseline: Baseline,
    space: SearchSpace,
    *,
    tflops: float | None,
    extent: Extent | None = None,
    records: Sequence[TrialRecord] = (),
) -> dict[str, Any] | None:
    """What the space's budget buys, as JSON, unknown numbers null; None where it has none. `tflops` is what the card
    sustains; where it is not given this machine's cards are looked up."""
    hours, price = space.search.budget_hours, space.search.price_per_hour
    if hours is None:
        return None
    extent = extent or extent_of(baseline.data, longest_s=baseline.audio.max_window_s)
    trial_s, by = _trial_s(baseline, space, tflops=tflops, extent=extent, records=records)
    trials, again = (None, None) if trial_s is None else _divided(baseline, space, hours * 3600, trial_s)
    found = {
        "hours": hours,
        "price": None if price is None else round(hours * price, 2),
        "trial_s": trial_s,
        "trials": trials,
        "again": again,
        "asked": space.search.trials,
        "by": by,
    }
    return found | {"said": _said(found)}


def require_enough(baseline: Baseline, space: SearchSpace, *, examples: int) -> None:
    """Refuse a budget within which the baseline alone could not be trained at its cards' data-sheet speed, which no
    training reaches."""
    hours, peak = space.search.budget_hours, data_sheet_tflops(_cards(baseline))
    if hours is None or peak is None:
        return
    extent = extent_of(baseline.data, longest_s=baseline.audio.max_window_s)
    least_s = examples * flops_per_clip(baseline, extent) / (peak * 1e12 * max(1, len(_cards(baseline))))
    if extent is not None and least_s > hours * 3600:
        raise InputError(
            f"search.budget_hours: {short(hours)}: the baseline alone takes more than {duration_text(least_s)} on this "
            "machine; give a larger --budget, or train less: budget.examples"
        )


def _divided(baseline: Baseline, space: SearchSpace, budget_s: float, trial_s: float) -> tuple[int, int]:
    """Trials, the baseline among them, and finalists' trainings, one after the other."""
    if trial_s > budget_s:
        return 0, 0
    whole, pace = Work(examples=1, batch_size=1), Pace()
    pace.learn(Took(examples=1, batch_size=1, trial_id="", seconds=trial_s))
    again, finalists = further_seeds(space.search, baseline), space.search.finalists
    allowance = Allowance(budget_s=budget_s, finalists=finalists, again=again, whole=whole)
    # As many are owed as there will be finalists: the baseline and all others.
    owed = [[whole] * again] * (finalists + 1)
    left = Left(seconds=budget_s - trial_s)
    trials = 1 + (allowance.trials(pace=pace, left=left, owed=owed) or 0)
    return trials, math.floor(allowance.set_aside_s(pace, owed, slots=1) / trial_s + 1e-9)


def _said(bought: dict[str, Any]) -> str:
    """The same in a line."""
    price = "" if bought["price"] is None else f" for {bought['price']:g}"
    said = f"{hours_text(bought['hours'])}{price}"
    if bought["trials"] is None:
        return f"{said} buy a number of trials that is known once trial 0 has run ({bought['by']})"
    if not bought["trials"]:
        return (
            f"{said} buy not even the baseline, which takes about {duration_text(bought['trial_s'])} ({bought['by']})"
        )
    more = f"; search.trials is {bought['asked']}" if bought["trials"] > bought["asked"] else ""
    each, again = duration_text(bought["trial_s"]), counted(bought["again"], "training")
    return (
        f"{said} buy about {counted(bought['trials'], 'trial')} of {each}, the baseline among them, and "
        f"{again} of finalists ({bought['by']}; one after the other, none stopped early){more}"
    )


def _trial_s(
    baseline: Baseline,
    space: SearchSpace,
    *,
    tflops: float | None,
    extent: Extent | None,
    records: Sequence[TrialRecord],
) -> tuple[float | None, str]:
    """Seconds of a trial that is trained to its end, and how they are known, or why not."""
    trained = baseline_trial(records)
    if trained is not None and trained.examples_seen:
        return trained.wall_s, f"measured: trial 0 took {duration_text(trained.wall_s)}"
    if tflops is None:
        peak = data_sheet_tflops(_cards(baseline))
        if peak is None:
            return None, "the speed of this machine is not known: python -m raytrain.plan --gpu-tflops N takes it"
        tflops = peak * SUSTAINED_SHARE
    examples = examples_of(baseline, space, extent)
    if examples is None:
        return None, "its length follows from the data, which are not prepared yet: budget.examples bounds it"
    lengths = "your clips" if extent is not None else "clips as long as the baseline allows"
    seconds = examples * flops_per_clip(baseline, extent) / (tflops * 1e12)
    return seconds, f"forecast: {examples} examples at {tflops:.3g} TFLOP/s, {lengths}"


def _cards(baseline: Baseline) -> list[str]:
    return [] if baseline.scaling.use_gpu is False else [card["name"] for card in gpus()]
