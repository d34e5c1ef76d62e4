"""Which trials go on: rungs in examples seen and each trial's objective there in; stop or go on out."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, assert_never

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from raytrain.config.space import Scheduler
from raytrain.trial.job import Trial

_NEVER = 2**62
"""Beyond any run: a trial ends at its own budget, and ASHA stops it at a rung or not at all."""


def make_scheduler(scheduler: Scheduler, earlier: Mapping[tuple[int, int], float]) -> TrialScheduler:
    """`earlier` are the reports of a study that goes on, as History.objectives has them."""
    match scheduler.name:
        case "asha":
            return RungScheduler(scheduler, earlier)
        case "none":
            return FIFOScheduler()
        case unknown:
            assert_never(unknown)


class RungScheduler(ASHAScheduler):
    """ASHA that is fair across batch sizes, spares the baseline, and says to a study that goes on what it said before.

    Decisions follow from the reports in their order alone: a trial is known by its number, which outlives Tune's ids.
    """

    def __init__(self, scheduler: Scheduler, earlier: Mapping[tuple[int, int], float]) -> None:
        super().__init__(
            time_attr="examples_seen",
            metric="objective",
            mode="min",
            max_t=_NEVER,
            grace_period=scheduler.first_rung_examples,
            reduction_factor=scheduler.reduction,
        )
        self._stopped_at: dict[int, int] = {}
        """The examples seen at which a trial was told to stop, by number."""
        for (number, examples_seen), objective in earlier.items():
            self._judge(number, examples_seen, objective)

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Metric and mode are ours already; Tune's TuneConfig says the same again."""
        return True

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        own: Trial = trial.config["trial"]
        # A probe's objective is nobody's; a run that failed in its driver has seen nobody knows what.
        if own.probes is not None or "examples_seen" not in result:
            return TrialScheduler.CONTINUE
        return self._judge(own.number, result["examples_seen"], result["objective"])

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Nothing: the last result has been judged as it came."""

    def _judge(self, number: int, examples_seen: int, objective: float) -> str:
        """What is said to a trial; whoever was told to stop is told so again, should a kill have come in between."""
        said = self._brackets[0].on_result(SimpleNamespace(trial_id=number), examples_seen, -objective)
        # Everything is compared with the baseline, which therefore is trained to its end.
        if said == TrialScheduler.STOP and number != 0:
            self._stopped_at.setdefault(number, examples_seen)
        is_over = examples_seen >= self._stopped_at.get(number, _NEVER)
        return TrialScheduler.STOP if is_over else TrialScheduler.CONTINUE
