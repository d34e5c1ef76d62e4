"""How cost grows: the law is found again in what follows it, and what the bench measures is of its own form."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from raytrain.benchmarks import preparing, step_costs
from raytrain.benchmarks.growth import EXPECTED, Cell, Growth, Law
from raytrain.benchmarks.growth_figure import growth_figure
from raytrain.benchmarks.preparing import generate
from raytrain.benchmarks.step_costs import Ladder
from raytrain.speech.check import check
from raytrain.speech.corpus import prepare

LAW = Law(constant_s=0.1, gflop_per_s=50.0)
BENCH = [sys.executable, "-m", "raytrain.bench", "growth"]


def step(batch_size: int, window_s: float, *, slower: float = 1.0) -> Cell:
    gflop = 4.0 * batch_size * window_s
    return Cell(batch_size=batch_size, window_s=window_s, gflop=gflop, seconds=slower * LAW.seconds(gflop))


LADDER = [step(batch_size, window_s) for batch_size in (1, 4) for window_s in (2.0, 8.0, 30.0)]


def test_the_law_of_steps_that_follow_one_is_that_one() -> None:
    found = Law.of(LADDER)
    assert (found.constant_s, found.gflop_per_s) == pytest.approx((LAW.constant_s, LAW.gflop_per_s))


def test_no_law_has_a_constant_below_nothing() -> None:
    cells = [Cell(batch_size=1, window_s=each, gflop=each, seconds=each - 0.9) for each in (1.0, 2.0, 4.0)]
    assert Law.of(cells).constant_s == 0


def test_a_step_that_takes_twice_its_operations_is_the_worst_over_the_law() -> None:
    found = Growth("tiny", [*LADDER[:-1], step(4, 30.0, slower=2.0)], [])
    assert found.over_law(found.cells[-1]) == max(map(found.over_law, found.cells)) > EXPECTED["worst_over_fit"]


def test_cost_that_grows_by_the_clip_and_memory_are_judged_by_the_worst_number_of_clips() -> None:
    prepared = [
        {"clips": 1000, "cpu_us_a_clip": 500.0, "peak_resident_gib": 0.3},
        {"clips": 9000, "cpu_us_a_clip": 700.0, "peak_resident_gib": 2.1},
    ]
    told = Growth("tiny", LADDER, prepared).as_dict()
    assert told["costliest_over_cheapest_clip"] == 1.4
    assert told["held"] == {
        "worst_over_fit": True,
        "costliest_over_cheapest_clip": False,
        "peak_resident_gib": False,
    }


def test_the_figure_is_an_svg_that_stands_alone_with_a_mark_for_each_step_and_a_line_for_each_size() -> None:
    drawn = ElementTree.fromstring(growth_figure(LADDER, LAW))
    kinds = [element.get("class", "") for element in drawn.iter()]
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert kinds.count("mark measured") == len(LADDER)
    assert kinds.count("line law") == 2


def test_generated_clips_are_sound_and_short_and_no_two_are_alike(tmp_path: Path) -> None:
    manifest = generate(tmp_path / "clips", 120)
    assert not check(manifest).problems
    corpus = prepare(manifest, cache=tmp_path / "cache")
    assert len(corpus) == len(set(corpus.sound_digests)) == 120
    assert len(set(corpus.child_ids)) == 3
    assert 0.2 <= corpus.durations_s.min() < corpus.durations_s.max() <= 0.4


def test_a_step_takes_time_in_every_window(tiny_en: Path) -> None:
    ladder = Ladder(
        model=str(tiny_en), variant="tiny", batch_size=1, windows_s=[0.5, 4.0], label_tokens=4, repeats=1, threads=1
    )
    short_s, long_s = step_costs.measure(ladder)
    assert 0.01 < short_s < long_s


def test_what_preparing_takes_is_told_for_each_clip(tmp_path: Path) -> None:
    told = preparing.measure(tmp_path, 200)
    assert told["cpu_us_a_clip"] == pytest.approx(1e6 * told["cpu_s"] / 200, rel=0.1)
    assert 0 < told["resident_before_gib"] <= told["peak_resident_gib"]


@pytest.mark.soak
def test_the_door_measures_all_of_it_and_writes_a_figure_beside_it(tmp_path: Path) -> None:
    small = ("--model", "tiny", "--batch", "1", "--windows", "1", "2", "--clips", "50", "300")
    done = subprocess.run([*BENCH, *small, "--json"], cwd=tmp_path, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    written = tmp_path / "results" / "bench" / "growth.json"
    assert json.loads(written.read_text()) == found
    assert written.with_suffix(".svg").is_file()
    assert [(one["batch_size"], one["window_s"]) for one in found["steps"]] == [(1, 1.0), (1, 2.0)]
    assert [one["clips"] for one in found["prepared"]] == [50, 300]
    assert 0.1 < found["peak_resident_gib"] < EXPECTED["peak_resident_gib"]
