"""Which trials go on: rungs in examples seen and each trial's objective there in; stop or go on out."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, assert_never

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from raytrain.config.space import Scheduler

_NEVER = 2**62
"""Beyond any run: a trial ends at its own budget, and ASHA stops it at a rung or not at all."""


def make_scheduler(scheduler: Scheduler, earlier: Mapping[int, Mapping[int, float]]) -> TrialScheduler:
    """`earlier` are the reports of a study that goes on: objective by examples seen, by trial."""
    match scheduler.name:
        case "asha":
            return RungScheduler(scheduler, earlier)
        case "none":
            return FIFOScheduler()
        case unknown:
            assert_never(unknown)


class RungScheduler(ASHAScheduler):
    """ASHA that is fair across batch sizes, spares the baseline, and knows the rungs of the study it goes on with."""

    def __init__(self, scheduler: Scheduler, earlier: Mapping[int, Mapping[int, float]]) -> None:
        super().__init__(
            time_attr="examples_seen",
            metric="objective",
            mode="min",
            max_t=_NEVER,
            grace_period=scheduler.first_rung_examples,
            reduction_factor=scheduler.reduction,
        )
        for number, reports in earlier.items():
            for examples_seen, objective in sorted(reports.items()):
                # A trial that goes on gets a new id from Tune; its rungs so far count as an earlier trial's.
                self._brackets[0].on_result(SimpleNamespace(trial_id=f"earlier {number}"), examples_seen, -objective)

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Metric and mode are ours already; Tune's TuneConfig says the same again."""
        return True

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        if _is_probe(trial):  # a probe's objective is nobody's
            return TrialScheduler.CONTINUE
        decision = super().on_trial_result(tune_controller, trial, result)
        # Everything is compared with the baseline, which therefore is trained to its end.
        return TrialScheduler.CONTINUE if trial.config["trial"].number == 0 else decision

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        if not _is_probe(trial):
            super().on_trial_complete(tune_controller, trial, result)


def _is_probe(trial: Any) -> bool:
    return trial.config["trial"].probes is not None
