"""Which values mattered: a study's folder in; each varied key's share in what sets its best trials apart out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from raytrain.config.branches import drawn_in, is_of_adapter, values_listed
from raytrain.config.space import Range, Variation
from raytrain.files import write_json
from raytrain.results.choose import ranked_trials
from raytrain.results.description import read_description
from raytrain.results.ledger import Ledger
from raytrain.results.records import TrialRecord

FEWEST_TRIALS = 8
"""Completed trials that importance takes: with fewer, the shares follow the luck of the draw."""


def write_importance(folder: Path) -> dict[str, float]:
    """Write Optuna's PED-ANOVA over the completed trials to importance.json; no file where there are too few."""
    space = read_description(folder).space
    # Each training once, and in the order in which they were proposed.
    completed = [one for one in ranked_trials(Ledger(folder).read()) if one.inherited_from is None]
    completed.sort(key=lambda one: one.number)
    vary = {} if space is None else space.vary
    # Of a key that is not there in some trials, as an adapter's rank, no share can be told beside the others'.
    everywhere = [key for key in vary if not any(_is_missing(key, one) for one in completed)]
    keys = [key for key in everywhere if len({str(one.config.value_at(key)) for one in completed}) > 1]
    path = folder / "importance.json"
    if len(completed) < FEWEST_TRIALS or not keys:
        path.unlink(missing_ok=True)
        return {}
    shares = optuna.importance.get_param_importances(
        _as_optuna({key: vary[key] for key in keys}, completed),
        evaluator=optuna.importance.PedAnovaImportanceEvaluator(),
    )
    rounded = {key: round(float(share), 4) for key, share in shares.items()}
    write_json(path, rounded)
    return rounded


def _is_missing(key: str, record: TrialRecord) -> bool:
    return is_of_adapter(key) and record.config.model.adapter is None


def _as_optuna(vary: Mapping[str, Variation], completed: list[TrialRecord]) -> optuna.Study:
    """The completed trials as a study of Optuna's in memory."""
    distributions = {
        key: _distribution(allowed, [one.config.value_at(key) for one in completed]) for key, allowed in vary.items()
    }
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made = optuna.create_study()
    for one in completed:
        values = {key: one.config.value_at(key) for key in vary}
        made.add_trial(optuna.trial.create_trial(params=values, distributions=distributions, value=one.eval_wer))
    return made


def _distribution(allowed: Variation, seen: list[Any]) -> BaseDistribution:
    """A key's range as given, widened to what was trained: the baseline may lie outside the space."""
    parts = [part for _, part in drawn_in("", allowed)]
    ranges = [part for part in parts if isinstance(part, Range)]
    if len(ranges) < len(parts):
        return CategoricalDistribution(list(dict.fromkeys([*values_listed(allowed), *seen])))
    low, high = min(*(one.low for one in ranges), *seen), max(*(one.high for one in ranges), *seen)
    kind = IntDistribution if all(isinstance(value, int) for value in (low, high, *seen)) else FloatDistribution
    return kind(low, high, log=all(one.log for one in ranges))
