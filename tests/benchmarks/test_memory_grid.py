"""The memory bench, as far as a machine without a GPU can run it."""

import subprocess
import sys

import torch

from raytrain.benchmarks.memory_grid import Point, grid, measure_grid, summary

POINT = Point(variant="tiny", batch_size=1, window_s=2.0, gradient_checkpointing=True, precision="fp32", label_tokens=4)


def test_a_point_trains_and_decodes_and_without_a_gpu_measures_no_ratio() -> None:
    (row,) = measure_grid([POINT], device=torch.device("cpu"))
    assert row["outcome"] == "completed"
    assert row["training"]["peak_memory_resident_gib"] > 0.1
    assert row["ratio"] is None
    assert summary([row])["points"] == 0


def test_the_summary_is_of_the_rows_that_have_a_ratio() -> None:
    rows = [{"ratio": 1.1}, {"ratio": 1.0}, {"ratio": 1.05}, {"ratio": None}, {"outcome": "out_of_memory"}]
    assert summary(rows) == {"points": 3, "min": 1.0, "median": 1.05, "max": 1.1}


def test_a_larger_card_is_given_a_larger_grid_and_no_card_one_that_overflows_it() -> None:
    assert 10 < len(grid(8)) < len(grid(80))


def test_without_a_gpu_the_door_says_so_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "raytrain.bench", "memory"],
        capture_output=True,
        text=True,
        env={"PATH": "", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
