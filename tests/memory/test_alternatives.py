"""What would fit a card, and what it costs."""

import shlex
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from doors_here import ended_here

from raytrain.config.adapter import Adapter
from raytrain.config.baseline import Baseline
from raytrain.config.reader import apply_sample, load_baseline, load_space
from raytrain.memory.alternatives import alternatives
from raytrain.memory.flops import train_flops_per_clip
from raytrain.memory.planning import Gpu, plan
from raytrain.memory.prediction import UNKNOWN, Longest, predict, step_shape
from raytrain.memory.step_peak import step_peak
from raytrain.results.description import Description

SHORT = Longest(8.0, 64)


@pytest.mark.parametrize(("name", "card_gib"), [("large-v3", 8), ("large-v3", 24), ("medium", 8), ("large-v3-lora", 6)])
def test_every_row_fits_and_is_what_its_change_makes_of_the_baseline(name: str, card_gib: float) -> None:
    baseline = load_baseline(name)
    rows = alternatives(baseline, UNKNOWN, card_gib)
    assert 0 < len(rows) <= 8
    for row in rows:
        config = apply_sample(baseline, row["change"])
        assert predict(config, UNKNOWN).predicted_memory_gib == row["predicted_memory_gib"] <= card_gib
        assert config.effective_batch_size() == baseline.effective_batch_size()
        assert Baseline.model_validate(config.model_dump()) == config


def test_rows_that_leave_no_clip_out_come_first_and_of_those_the_cheapest() -> None:
    rows = alternatives(load_baseline("large-v3"), UNKNOWN, 5)
    order = [(-row["window_s"], row["relative_time"]) for row in rows]
    assert order == sorted(order)


def test_large_v3_fits_eight_gib_with_an_adapter_and_not_with_all_weights() -> None:
    rows = alternatives(load_baseline("large-v3"), UNKNOWN, 8)
    assert all(row["base_precision"] is not None for row in rows)
    assert {"LoRA 16", "LoRA 16, decoder"} == {row["trains"] for row in rows}
    assert all(row["relative_flops"] < 1 for row in rows)


def test_quantized_weights_are_named_only_where_they_buy_something_and_their_time_is_an_estimate() -> None:
    rows = alternatives(load_baseline("large-v3"), UNKNOWN, 8)
    quantized = [row for row in rows if row["base_precision"] in ("int8", "nf4")]
    assert all(row["time_is_estimated"] and row["relative_time"] > row["relative_flops"] for row in quantized)
    plainer = [row for row in rows if row["base_precision"] == "bf16" and row["trains"] == quantized[0]["trains"]]
    assert plainer
    assert not quantized[0]["gradient_checkpointing"]
    assert plainer[0]["gradient_checkpointing"]


def test_large_v3_with_lora_is_planned_into_eight_gib_for_clips_up_to_eight_seconds_part_by_part() -> None:
    prediction = predict(load_baseline("large-v3-lora"), SHORT)
    assert prediction.predicted_memory_gib < 8
    parts = prediction.parts_gib()
    assert parts["weights"] == pytest.approx(2.93, abs=0.01)  # 1.54 G frozen numbers in bf16, and 15.7 M in float32
    assert parts["gradients"] + parts["optimizer_states"] == pytest.approx(12 * 15.73e6 / 2**30, rel=0.01)
    assert sum(parts.values()) == pytest.approx(prediction.predicted_memory_gib)


def test_out_of_memory_advice_names_an_adapter_and_leaner_optimizers_and_under_one_a_leaner_base() -> None:
    gpu = Gpu(card_gib=None)
    of_full, of_adapted = (
        {key for change in _planned(name, gpu)["changes"] for key in change["change"]}
        for name in ("medium", "medium-lora")
    )
    assert of_full >= {"model.adapter", "model.base_precision", "training.optimizer", "model.freeze_encoder"}
    assert of_adapted >= {"model.base_precision", "model.adapter"}
    assert "model.freeze_encoder" not in of_adapted


def test_a_fit_that_ran_out_of_memory_says_what_would_take_less_an_adapter_among_it(tmp_path: Path) -> None:
    last: Any = {"outcome": "out_of_memory", "reason": "a step: tried to allocate 2.00 GiB"}
    small = load_baseline("small", ["data.train_manifest=no-longer-there.jsonl"])
    Description(baseline_name="small", baseline=small, result=last).write(tmp_path)
    ended = ended_here("raytrain.fit", "--resume", tmp_path)
    assert ended.returncode == 1
    assert "tried to allocate 2.00 GiB" in ended.stderr
    told = [line for line in ended.stderr.splitlines() if line.startswith("would take less: ")]
    (lora,) = (line for line in told if "model.adapter" in line)
    overrides = shlex.split(lora.removeprefix("would take less: ").rsplit(": ", 1)[0])
    leaner = load_baseline("small", overrides)
    assert leaner.model.adapter is not None
    assert f": {predict(leaner, UNKNOWN).predicted_memory_gib:.2f} GiB" in lora


def test_a_plan_has_both_kinds_of_a_space_that_chooses_the_adapter_s_at_its_largest() -> None:
    small = load_baseline("small")
    rows = plan(small, load_space("full-or-adapter", baseline=small), Gpu(card_gib=8))["rows"]
    assert [row["trains"] for row in rows] == ["all weights", "LoRA 64"]
    largest = apply_sample(small, {"model.adapter": Adapter(rank=64, targets="all")})
    assert rows[1]["predicted_memory_gib"] == predict(largest, UNKNOWN).predicted_memory_gib


def _planned(name: str, gpu: Gpu) -> dict[str, Any]:
    baseline = load_baseline(name)
    return plan(baseline, load_space("batching", baseline=baseline), gpu)


def test_under_an_adapter_a_step_takes_a_third_fewer_operations_and_in_the_decoder_alone_far_fewer() -> None:
    full = replace(step_shape(load_baseline("large-v3"), SHORT), gradient_checkpointing=False)
    lora, decoder = (replace(full, adapter=Adapter(where=where)) for where in ("both", "decoder"))
    costs = [train_flops_per_clip(shape) for shape in (full, lora, decoder)]
    assert costs[1] / costs[0] == pytest.approx(2 / 3, abs=0.03)
    assert costs[2] / costs[0] < 0.5


def test_each_part_of_an_adapter_moves_the_peak_the_way_it_should() -> None:
    shape = replace(step_shape(load_baseline("medium-lora"), SHORT), gradient_checkpointing=False)
    ranks = [replace(shape, adapter=Adapter(rank=rank)) for rank in (4, 16, 64, 128)]
    bases = [replace(shape, base_precision=name) for name in ("nf4", "int8", "bf16", "fp32")]
    targets = [
        replace(shape, adapter=adapter) for adapter in (Adapter(where="decoder"), Adapter(), Adapter(targets="all"))
    ]
    for group in (ranks, bases, targets):
        assert all(step_peak(less).total < step_peak(more).total for less, more in pairwise(group))
