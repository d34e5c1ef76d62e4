"""Which values mattered: a study's folder in; each varied key's share in what sets its best trials apart out."""

from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from raytrain.files import write_json
from raytrain.results.description import read_description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, TrialRecord

FEWEST_TRIALS = 8
"""Completed ones: with less, the shares follow the luck of the draw."""


def write_importance(folder: Path) -> dict[str, float]:
    """Optuna's PED-ANOVA over the completed trials, into importance.json; no file where there are too few."""
    vary: dict[str, Any] = (read_description(folder).space or {}).get("vary", {})
    completed = [one for one in Ledger(folder).read() if _counts(one)]
    keys = [key for key in vary if len({str(one.value(key)) for one in completed}) > 1]
    path = folder / "importance.json"
    if len(completed) < FEWEST_TRIALS or not keys:
        path.unlink(missing_ok=True)
        return {}
    shares = optuna.importance.get_param_importances(
        _as_optuna({key: vary[key] for key in keys}, completed),
        evaluator=optuna.importance.PedAnovaImportanceEvaluator(),
    )
    told = {key: round(float(share), 4) for key, share in shares.items()}
    write_json(path, told)
    return told


def _counts(one: TrialRecord) -> bool:
    """Trained to its end once: neither a copy nor a repeat of another."""
    trained = one.outcome is Outcome.COMPLETED and one.eval_wer is not None
    return trained and one.finalist_of is None and one.inherited_from is None


def _as_optuna(vary: dict[str, Any], completed: list[TrialRecord]) -> optuna.Study:
    """The ledger as a study of Optuna's in memory."""
    distributions = {
        key: _distribution(allowed, [one.value(key) for one in completed]) for key, allowed in vary.items()
    }
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made = optuna.create_study()
    for one in sorted(completed, key=lambda one: one.number):
        values = {key: one.value(key) for key in vary}
        made.add_trial(optuna.trial.create_trial(params=values, distributions=distributions, value=one.eval_wer))
    return made


def _distribution(allowed: dict[str, Any], seen: list[Any]) -> BaseDistribution:
    """The range as given, widened to what was trained: the baseline may lie outside the space."""
    values = allowed.get("values")
    if values is not None:
        return CategoricalDistribution([*values, *dict.fromkeys(value for value in seen if value not in values)])
    low, high = min(allowed["low"], *seen), max(allowed["high"], *seen)
    if all(isinstance(value, int) for value in (low, high, *seen)):
        return IntDistribution(low, high, log=bool(allowed.get("log")))
    return FloatDistribution(low, high, log=bool(allowed.get("log")))
