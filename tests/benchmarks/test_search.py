"""The rehearsed searches: their surfaces, a few trials of every way to search, and the form of what is written."""

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from raytrain.benchmarks import learned, stopped
from raytrain.benchmarks import reuse as equivalents
from raytrain.benchmarks.branched_surfaces import BRANCH_RIVALS, branched_surfaces
from raytrain.benchmarks.further_surfaces import further_surfaces
from raytrain.benchmarks.reuse import LAWS
from raytrain.benchmarks.rivals import OurSampler, RandomDraws
from raytrain.benchmarks.searches import RIVALS, rehearse
from raytrain.benchmarks.surfaces import ACCUMULATION, BATCH, RATE, Basin, Recorded, RehearsedCard, Surface, surfaces

SURFACES = {surface.name: surface for surface in surfaces()}
HELD_OUT = {surface.name: surface for surface in further_surfaces()}
BRANCHED = {surface.name: surface for surface in branched_surfaces()}
SEARCH = [sys.executable, "-m", "raytrain.bench", "search"]
FIGURES = {
    "out_of_memory_median", "out_of_memory_max", "trials_to_2_percent_median", "hours_to_2_percent_median",
    "regret_median",
}  # fmt: skip


def test_every_surface_starts_from_a_baseline_that_fits_whatever_the_factor() -> None:
    assert all(
        surface.predicted_gib(surface.axes.baseline_sample) * 1.20 * 1.02 <= surface.wall_gib
        for surface in (SURFACES | HELD_OUT | BRANCHED).values()
    )


def test_the_best_of_a_basin_is_where_it_was_set() -> None:
    basin = Basin(best_effective_batch=20, best_rate=3e-5)
    assert basin.wer(20, 3e-5) == basin.lowest
    assert basin.wer(40, 3e-5 * 2**0.5) == pytest.approx(basin.lowest * 1.05, rel=2e-3)
    assert basin.lowest * 1.4 < basin.wer(20, 1e-7) <= basin.untrained
    assert math.isinf(basin.wer(20, 2e-4))


def test_the_recorded_surface_is_smooth_and_goes_through_the_midst_of_what_was_recorded() -> None:
    recorded = Recorded()
    assert recorded.wer(32, 5e-6) == pytest.approx(0.607, rel=2 * recorded.noise)
    assert recorded.wer(8, 2e-5) == pytest.approx(0.179, rel=2 * recorded.noise)
    assert recorded.wer(32, 1.3e-4) < recorded.wer(16, 1.3e-4) < recorded.wer(8, 1.3e-4)  # larger batches, higher rates


def test_a_trial_ends_the_same_whoever_asks_and_one_out_of_memory_reports_no_peak() -> None:
    card = RehearsedCard(SURFACES["small_12_gib_tight"], seed=3)
    assert card.train(7, {BATCH: 4, ACCUMULATION: 9, RATE: 1e-5}) == card.train(
        7, {BATCH: 4, ACCUMULATION: 9, RATE: 1e-5}
    )
    lost = card.train(8, {BATCH: 32, ACCUMULATION: 1, RATE: 1e-5})
    assert lost.out_of_memory
    assert lost.wer is lost.peak_gib is None


def test_the_best_keeps_the_wall() -> None:
    walled, free = SURFACES["medium_20_gib_best_at_the_wall"], Basin(best_effective_batch=64, best_rate=2e-5)
    assert max(RehearsedCard(walled, seed=seed).best_wer for seed in range(10)) > 0.0861 * 1.001
    assert free.wer(64, 2e-5) == free.lowest


def test_where_the_baseline_is_best_it_is_the_first_to_get_there() -> None:
    surface = SURFACES["small_8_gib_baseline_is_best"]
    assert [rehearse(surface, rival, seed=0, trials=3).trials_to_2_percent for rival in RIVALS] == [0] * 5


def test_random_draws_keep_the_window() -> None:
    surface = SURFACES["small_8_gib"]
    rival = RandomDraws(surface, seed=1, trials=60)
    assert all(surface.axes.contains(rival.suggest(number) or {}) for number in range(60))


def test_what_reports_teach_keeps_trials_in_memory_where_the_stock_searcher_loses_them() -> None:
    surface = SURFACES["small_12_gib_tight"]
    ours = [rehearse(surface, "ours", seed=seed, trials=16).out_of_memory for seed in (0, 1)]
    stock = [rehearse(surface, "stock_optuna", seed=seed, trials=16).out_of_memory for seed in (0, 1)]
    assert max(ours) <= 1 < min(stock)


def written(tmp_path: Path, part: str, *, trials: int = 3, seeds: int = 1) -> dict[str, Any]:
    asked = ["--json", "--trials", str(trials), "--seeds", str(seeds), "--part", part]
    done = subprocess.run(
        [*SEARCH, *asked, "--out", str(tmp_path / "search.json")], capture_output=True, text=True, check=True
    )
    assert "Warning" not in done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    assert printed == json.loads((tmp_path / "search.json").read_text())
    return printed


def test_the_door_writes_every_figure_of_every_search_and_keeps_the_other_parts(tmp_path: Path) -> None:
    (tmp_path / "search.json").write_text('{"learned": {"seeds": 20}}')
    printed = written(tmp_path, "surfaces")
    assert printed["learned"] == {"seeds": 20}
    assert printed["surfaces"].keys() == SURFACES.keys()
    assert printed["held_out_surfaces"].keys() == HELD_OUT.keys()
    of_all = [*printed["surfaces"].values(), *printed["held_out_surfaces"].values()]
    assert {frozenset(of_rivals) for of_rivals in of_all} == {frozenset(RIVALS)}
    assert {frozenset(figures) for of_rivals in of_all for figures in of_rivals.values()} == {frozenset(FIGURES)}


def test_the_door_writes_what_reuse_saves(tmp_path: Path) -> None:
    printed = written(tmp_path, "equivalents")["equivalents"]
    assert printed["laws"].keys() == printed["held"].keys() == LAWS.keys()


def test_the_door_writes_how_soon_the_better_of_two_branches_is_found(tmp_path: Path) -> None:
    printed = written(tmp_path, "branches")["branches"]
    assert printed["surfaces"].keys() == printed["no_slower_than_stock_optuna"].keys() == BRANCHED.keys()
    assert {frozenset(of_rivals) for of_rivals in printed["surfaces"].values()} == {frozenset(BRANCH_RIVALS)}


@pytest.mark.parametrize(("name", "kind"), [("adapter_is_better", "lora"), ("full_is_better", None)])
def test_the_better_branch_is_found_whichever_it_is(name: str, kind: str | None) -> None:
    surface = BRANCHED[name]
    searcher = OurSampler(surface, seed=1, trials=24)
    card, wers = RehearsedCard(surface, seed=1), {}
    for number in range(24):
        sample = searcher.suggest(number)
        assert sample is not None
        ended = card.train(number, sample)
        searcher.learn(number, sample, ended)
        wers[surface.true_wer(sample)] = sample["model.adapter.kind"]
    assert wers[min(wers)] == kind
    assert min(wers) <= 1.02 * card.best_wer
    assert len(set(wers.values())) == 2


def test_the_best_of_two_branches_is_the_lower_of_both_as_it_was_set() -> None:
    lowest = {name: RehearsedCard(surface, seed=0).best_wer for name, surface in BRANCHED.items()}
    assert lowest == pytest.approx(dict.fromkeys(BRANCHED, 0.0911), rel=2e-3)


def lowest_factor(surface: Surface) -> float:
    keys = [axis.key for axis in surface.rest("full")]
    values = itertools.product(*(axis.values for axis in surface.rest("full")))
    samples = [surface.axes.baseline_sample | dict(zip(keys, chosen, strict=True)) for chosen in values]
    return min(surface.others(sample) for sample in samples)


def test_what_the_best_keys_multiply_the_wer_by_is_one_on_every_held_out_surface() -> None:
    assert {name: lowest_factor(surface) for name, surface in HELD_OUT.items()} == dict.fromkeys(HELD_OUT, 1.0)


def test_a_search_that_ends_by_itself_takes_fewer_hours_and_finds_as_much() -> None:
    ended = stopped.rehearse(SURFACES["small_8_gib"], seed=0, trials=24)
    assert ended.trials < 24
    assert ended.hours < ended.hours_of_all
    assert ended.above_all < 0.02


def test_an_earlier_study_of_a_sibling_halves_the_trials_and_its_reverse_costs_none() -> None:
    surface = SURFACES["small_8_gib"]
    trials = learned.rehearse(surface, seed=4, trials=12)
    assert trials["sibling"] <= trials["none"] / 2
    assert trials["adversary"] == trials["none"] < 12


def test_an_effective_batch_that_was_trained_is_not_trained_again_where_equivalents_are_reused() -> None:
    (law, *_) = LAWS
    plain, reused = (equivalents.rehearse(law, reuse=reuse, seed=0, trials=20) for reuse in (False, True))
    assert (plain.trained, plain.probed) == (20, 0)
    assert reused.trained + reused.probed == 20
    assert reused.examples < 0.6 * plain.examples
    assert max(plain.regret, reused.regret) < 0.02


def test_a_search_without_a_second_trial_is_refused() -> None:
    done = subprocess.run([*SEARCH, "--trials", "1"], capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
