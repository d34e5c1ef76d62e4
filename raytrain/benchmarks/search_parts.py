"""The parts of the rehearsed search: trials and seeds in; what each part found, as it is written, out."""

from collections.abc import Callable
from typing import Any

from raytrain.benchmarks import budgets, learned, learning_curves, reuse, searches, stopped, taken_up
from raytrain.benchmarks.branched_surfaces import BRANCH_RIVALS, branched_surfaces
from raytrain.benchmarks.further_surfaces import further_surfaces
from raytrain.benchmarks.surfaces import surfaces
from raytrain.results.provenance import Provenance, command_line, provenance
from raytrain.terminal import say

_LEARNING_TRIALS = 30
"""Of a search that learns from an earlier one: more tell nothing of how soon it gets there."""


def _surfaces(trials: int, seeds: int) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    tuned_on, held_out = surfaces(), further_surfaces()
    for name, of_rivals in searches.compare([*tuned_on, *held_out], trials=trials, seeds=seeds):
        found[name] = of_rivals
        for rival, figures in of_rivals.items():
            say(f"{name}: {rival}: " + ", ".join(f"{key} {value:g}" for key, value in figures.items()))
    of = {kind: {one.name: found[one.name] for one in some} for kind, some in (("", tuned_on), ("out", held_out))}
    return {
        "trials": trials,
        "seeds": seeds,
        "surfaces": of[""],
        "held_out_surfaces": of["out"],
        "about": {surface.name: surface.about for surface in [*tuned_on, *held_out]},
        "expected": searches.EXPECTED,
        "held": searches.held(of[""]),
        "held_where_nothing_was_tuned": searches.held(of["out"]),
        "provenance": _provenance(),
    }


def _optuna_gp(trials: int, seeds: int) -> dict[str, Any]:
    found = {}
    for name, of_rivals in searches.compare(surfaces(), searches.slow_rivals(), trials=trials, seeds=seeds):
        found[name] = of_rivals
        say(f"{name}: {of_rivals}")
    return {
        "optuna_gp": {
            "trials": trials,
            "seeds": seeds,
            "surfaces": found,
            "provenance": _provenance(),
        }
    }


def _stopping(trials: int, seeds: int) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for kind, some in (("surfaces", surfaces()), ("held_out_surfaces", further_surfaces())):
        found[kind] = {}
        for name, figures in stopped.compare(some, trials=trials, seeds=seeds):
            found[kind][name] = figures
            say(f"{name}: ends by itself: " + ", ".join(f"{key} {value:g}" for key, value in figures.items()))
    return {
        "stopping": {
            "trials": trials,
            "seeds": seeds,
            **found,
            "expected": stopped.EXPECTED,
            "held": {kind: stopped.held(of_kind["all"]) for kind, of_kind in found.items()},
            "provenance": _provenance(),
        }
    }


def _learned(trials: int, seeds: int) -> dict[str, Any]:
    found = {}
    trials = min(_LEARNING_TRIALS, trials)
    for name, figures in learned.compare(surfaces(), trials=trials, seeds=seeds):
        found[name] = figures
        say(f"{name}: trials to 2 %, by what is learnt from: {figures}")
    return {
        "learned": {
            "trials": trials,
            "seeds": seeds,
            "surfaces": found,
            "expected": learned.EXPECTED,
            "held": learned.held(found),
            "provenance": _provenance(),
        }
    }


def _equivalents(trials: int, seeds: int) -> dict[str, Any]:
    trials = min(reuse.TRIALS, trials)
    found = reuse.compare(trials=trials, seeds=seeds)
    for law, figures in found.items():
        say(f"batching.yaml, {law}: {figures['examples_ratio']:g} times fewer clips trained with equivalents reused")
    return {
        "equivalents": {
            "trials": trials,
            "seeds": seeds,
            "laws": found,
            "expected_ratio": reuse.EXPECTED_RATIO,
            "held": {law: figures["examples_ratio"] >= reuse.EXPECTED_RATIO for law, figures in found.items()},
            "provenance": _provenance(),
        }
    }


def _budget(trials: int, seeds: int) -> dict[str, Any]:
    found = budgets.compare(seeds=seeds)
    for kind, figures in found.items():
        say(f"budget: {kind}: " + ", ".join(f"{key} {value:g}" for key, value in figures.items()))
    return {
        "budget": {
            "seeds": seeds,
            "kinds": found,
            "about": budgets.KINDS,
            "expected": budgets.EXPECTED,
            "held": {kind: budgets.held(figures) for kind, figures in found.items()},
            "provenance": _provenance(),
        }
    }


def _branches(trials: int, seeds: int) -> dict[str, Any]:
    found: dict[str, dict[str, dict[str, float]]] = {}
    some = branched_surfaces()
    for name, of_rivals in searches.compare(some, BRANCH_RIVALS, trials=trials, seeds=seeds):
        found[name] = of_rivals
        for rival, figures in of_rivals.items():
            say(f"{name}: {rival}: " + ", ".join(f"{key} {value:g}" for key, value in figures.items()))
    return {
        "branches": {
            "trials": trials,
            "seeds": seeds,
            "surfaces": found,
            "about": {surface.name: surface.about for surface in some},
            "no_slower_than_stock_optuna": {
                name: one["ours"]["trials_to_2_percent_median"] <= one["stock_optuna"]["trials_to_2_percent_median"]
                for name, one in found.items()
            },
            "provenance": _provenance(),
        }
    }


def _taken_up(trials: int, seeds: int) -> dict[str, Any]:
    found = {}
    for kind, figures in taken_up.compare([*surfaces(), *further_surfaces()], trials=trials, seeds=seeds):
        found[kind] = figures
        say(f"taken up: {kind}: {figures}")
    return {
        "taken_up": {
            "seeds": seeds,
            "whole_trainings": taken_up.WHOLE,
            "kinds": found,
            "about": learning_curves.KINDS,
            "recorded_trainings_foretold": learning_curves.recorded_foretold(),
            "provenance": _provenance(),
        }
    }


def _provenance() -> Provenance:
    return provenance(command_line("raytrain.bench"), {})


PARTS: dict[str, Callable[[int, int], dict[str, Any]]] = {
    "surfaces": _surfaces,
    "stopping": _stopping,
    "learned": _learned,
    "equivalents": _equivalents,
    "budget": _budget,
    "branches": _branches,
    "taken_up": _taken_up,
    "optuna_gp": _optuna_gp,
}
USUAL = ("surfaces", "stopping", "learned", "equivalents", "budget", "branches")
"""What is rehearsed where no part is named."""
