"""Sweeps of W&B, both ways: agents that run our command line, and studies that show their trials in a sweep."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
import yaml as yaml_1_1
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args
from wandb_client import environment, rows, track, wandb_command
from wandb_server.account import ENTITY
from wandb_server.server import WandbServer

from raytrain.config.adapter import Adapter
from raytrain.config.find import CHECKOUT
from raytrain.config.reader import load_baseline, load_space
from raytrain.errors import InputError
from raytrain.tracking.study_sweep import sweep_of
from raytrain.tracking.sweep import agent_sweep, main, study_sweep

SPACES = ["adapters", "batching", "full", "full-or-adapter-adapter", "full-or-adapter-full", "learning", "smoke"]
TINY = ["model.pretrained=null", "training.max_steps=1", "evaluation.max_utterances=2", "scaling.use_gpu=false"]


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with WandbServer().serving() as server:
        yield server
        assert server.account.unknown == []


def shipped(name: str) -> dict[str, Any]:
    """A sweep as W&B's own YAML reader, of version 1.1, takes it."""
    sweep: dict[str, Any] = yaml_1_1.safe_load((CHECKOUT / "search_spaces" / "wandb" / f"{name}.yaml").read_text())
    return sweep


def overrides(values: dict[str, Any]) -> list[str]:
    """Values as W&B's agent puts them in the place of ${args_no_hyphens}."""
    arguments = create_sweep_command_args({"args": {key: {"value": value} for key, value in values.items()}})
    return list(arguments["args_no_hyphens"])


def ends(parameter: dict[str, Any]) -> list[Any]:
    return parameter.get("values") or [parameter["min"], parameter["max"]]


def members(server: WandbServer, sweep: str) -> dict[str, str]:
    """The runs of a sweep and their states, as its page finds them."""
    api = wandb.Api(overrides={"base_url": server.url}, api_key=server.environment["WANDB_API_KEY"])
    return {run.id: run.state for run in api.sweep(f"{ENTITY}/raytrain/{sweep}").runs}


def test_a_sweep_that_is_not_fresh_is_named_and_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], root=tmp_path) == 1
    told = capsys.readouterr().err
    assert all(f"{name}.yaml: not fresh; run python -m raytrain.tracking.sweep" in told for name in SPACES)
    assert main([], root=tmp_path) == 0
    assert main(["--check"], root=tmp_path) == 0


def test_a_space_that_no_sweep_can_ask_is_said_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(CHECKOUT / "baselines", tmp_path / "baselines")
    (tmp_path / "search_spaces").mkdir()
    (tmp_path / "search_spaces" / "large.yaml").write_text(
        "vary: {training.batch_size: {values: [64]}}\nkeep: {effective_batch_size: {low: 64, high: 256}}\n"
    )
    monkeypatch.setattr("raytrain.tracking.sweep.CHECKOUT", tmp_path)
    assert main(["--check"], root=tmp_path) == 0
    told = capsys.readouterr().err
    assert "no sweep is made from search_spaces/large.yaml: " in told
    assert "the baseline's effective batch size, 36, lies outside 64 to 256" in told


@pytest.mark.parametrize("name", SPACES)
def test_a_shipped_sweep_seeks_the_lowest_wer_by_our_command_line(name: str) -> None:
    sweep = shipped(name)
    assert sweep["command"] == [
        "${env}", "${interpreter}", "-m", "raytrain.fit", "--config", "baselines/small.yaml", "${args_no_hyphens}",
    ]  # fmt: skip
    assert (sweep["method"], sweep["metric"]) == ("bayes", {"name": "eval_wer", "goal": "minimize"})


@pytest.mark.parametrize("name", SPACES)
def test_fit_takes_every_value_that_an_agent_may_pass(name: str) -> None:
    parameters = shipped(name)["parameters"]
    passed = [overrides({key: value}) for key, parameter in parameters.items() for value in ends(parameter)]
    assert len([load_baseline("small", values) for values in passed]) >= len(parameters)


def test_a_sweep_proposes_every_pair_that_the_space_keeps_and_no_other() -> None:
    values = shipped("batching")["parameters"]["training"]["values"]
    sizes = [load_baseline("small", overrides({"training": value})).training for value in values]
    found = {(size.batch_size, size.gradient_accumulation_steps) for size in sizes}
    batch_sizes = load_space("batching", baseline=load_baseline("small")).vary["training.batch_size"].values  # type: ignore[union-attr]
    assert found == {(size, steps) for size in batch_sizes for steps in range(1, 37) if 8 <= size * steps <= 96}


def test_what_varies_keeps_its_kind() -> None:
    parameters = shipped("learning")["parameters"]
    rate = {"distribution": "log_uniform_values", "min": 2e-6, "max": 1e-4}
    assert parameters["training.learning_rate"] == rate
    assert parameters["training.warmup_steps"]["values"] == list(range(0, 1001, 100))
    assert parameters["training.spec_augment"]["values"] == ["null", "basic", "double"]
    assert parameters["model.freeze_encoder"]["values"] == [False, True]


@pytest.mark.parametrize("name", ["adapters", "full-or-adapter-adapter"])
def test_an_agent_s_run_has_the_adapter_that_it_is_given(name: str) -> None:
    drawn = {"model.adapter.kind": "lora", "model.adapter.targets": "all"}
    ranks = shipped(name)["parameters"]["model.adapter.rank"]["values"]
    found = [load_baseline("small", overrides(drawn | {"model.adapter.rank": rank})).model.adapter for rank in ranks]
    assert found == [Adapter(rank=rank, targets="all") for rank in ranks]


def test_full_fine_tuning_and_adapters_have_a_sweep_each_since_none_has_conditional_keys() -> None:
    full, adapter = (shipped(f"full-or-adapter-{branch}")["parameters"] for branch in ("full", "adapter"))
    assert full.keys() == {"model.adapter.kind", "training.learning_rate"}
    assert overrides({"model.adapter.kind": full["model.adapter.kind"]["values"][0]}) == ["model.adapter.kind=null"]
    assert load_baseline("small", ["model.adapter.kind=null"]).model.adapter is None
    assert (full["training.learning_rate"]["max"], adapter["training.learning_rate"]["max"]) == (1e-4, 1e-3)
    text = (CHECKOUT / "search_spaces/wandb/full-or-adapter-full.yaml").read_text()
    assert "# A sweep has no conditional keys: full and adapter fine-tuning" in text
    space = load_space("full-or-adapter", baseline=load_baseline("small"))
    with pytest.raises(InputError, match=r"model\.adapter\.kind: a sweep has no conditional keys"):
        agent_sweep(space, name="x", baseline=load_baseline("small"))


def test_a_study_s_sweep_says_of_a_key_that_each_branch_draws_what_either_may() -> None:
    space = load_space("full-or-adapter", baseline=load_baseline("small"))
    parameters = study_sweep(space, name="x")["parameters"]
    rate = {"distribution": "log_uniform_values", "min": 3e-6, "max": 1e-3}
    assert parameters["training.learning_rate"] == rate
    assert parameters["model.adapter.kind"] == {"values": ["null", "lora"]}


def test_of_one_factor_only_the_sizes_within_bounds_are_offered() -> None:
    baseline = load_baseline("small")  # 12 x 3
    varied = ["vary={training.batch_size: {values: [2, 12, 40]}}", "keep.effective_batch_size={low: 16, high: 96}"]
    sweep = agent_sweep(load_space("batching", varied, baseline=baseline), name="x", baseline=baseline)
    assert sweep["parameters"] == {"training.batch_size": {"values": [12]}}


def test_workers_that_vary_within_bounds_are_refused() -> None:
    baseline = load_baseline("small")
    space = load_space("batching", ["vary.scaling.num_workers={values: [1, 2]}"], baseline=baseline)
    with pytest.raises(InputError, match=r"num_workers: a sweep cannot keep the effective batch in bounds"):
        agent_sweep(space, name="x", baseline=baseline)


def test_a_study_s_sweep_names_each_key_that_varies_and_has_no_command_for_agents() -> None:
    space = load_space("batching", baseline=load_baseline("small"))
    sweep = study_sweep(space, name="2026-01-01_small_batching")
    assert list(sweep["parameters"]) == ["training.batch_size", "training.gradient_accumulation_steps"]
    assert sweep["parameters"]["training.gradient_accumulation_steps"] == {
        "distribution": "int_uniform", "min": 1, "max": 36,
    }  # fmt: skip
    assert not {"command", "program"} & set(sweep)


def test_a_fit_below_an_agent_logs_to_the_agent_s_run(server: WandbServer, tmp_path: Path) -> None:
    below = {"WANDB_SWEEP_ID": "s1", "WANDB_RUN_ID": "r1", "WANDB_PROJECT": "raytrain", "WANDB_ENTITY": ENTITY}
    fit = {"run_id": "2026-01-01_small", "job_type": "fit", "outcome": "completed", "rows": rows(0, 160)}
    track(tmp_path, [fit], **server.environment, **below)
    (run,) = server.account.runs.values()
    assert (run.name, run.display_name, run.sweep, run.state) == ("r1", "2026-01-01_Small", "s1", "finished")


def test_a_study_s_sweep_is_made_once_and_its_trials_are_members(server: WandbServer, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from raytrain.config.reader import load_baseline, load_space\n"
        "from raytrain.tracking.study_sweep import create_sweep\n"
        "baseline = load_baseline('tiny'); space = load_space('smoke', baseline=baseline)\n"
        "made = [create_sweep(baseline.tracking, space, folder=Path(sys.argv[1])) for _ in range(2)]\n"
        "assert made[0] == made[1]; print(made[0])"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, env=environment(**server.environment), capture_output=True, text=True, timeout=60)
    (sweep,) = server.account.sweeps
    assert done.stdout == f"{server.url}/{ENTITY}/raytrain/sweeps/{sweep}\n"
    trials = [
        {"run_id": "t1", "outcome": "completed", "rows": rows(0), "sweep_id": sweep},
        {"run_id": "t2", "outcome": "diverged", "rows": rows(0), "sweep_id": sweep},
    ]
    track(tmp_path, trials, **server.environment)
    assert members(server, sweep) == {"t1": "finished", "t2": "failed"}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"a b", b"../x", b"a" * 65, b"\0" * 10_000])
def test_what_is_no_id_of_a_sweep_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tracking").mkdir()
    (tmp_path / "tracking" / "sweep.txt").write_bytes(b"a1b2c3d4\n")
    assert sweep_of(tmp_path) == "a1b2c3d4"
    (tmp_path / "tracking" / "sweep.txt").write_bytes(content)
    assert sweep_of(tmp_path) is None


def test_a_sweep_without_a_server_is_refused_with_the_way_out() -> None:
    command = [sys.executable, "-m", "raytrain.tune", "--demo", "--baseline", "tiny", "--wandb-sweep"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"--wandb-sweep: W&B is offline here, .* set WANDB_API_KEY.*, or leave out .*\n", done.stderr)


@pytest.mark.soak
def test_an_agent_runs_two_fits_of_a_sweep_by_the_real_command_line(server: WandbServer, tmp_path: Path) -> None:
    sweep = shipped("smoke")
    command = [str(CHECKOUT / "baselines" / "tiny.yaml") if "baselines/" in word else word for word in sweep["command"]]
    sweep["command"] = [*command, *TINY, f"storage={tmp_path / 'results'}"]
    (tmp_path / "smoke.yaml").write_text(json.dumps(sweep))
    wandb_command(tmp_path, "sweep", "--project", "raytrain", "smoke.yaml", **server.environment)
    (made,) = server.account.sweeps.values()
    made.proposals = [
        {"training": "{batch_size: 4, gradient_accumulation_steps: 1}", "training.learning_rate": 1e-5},
        {"training": "{batch_size: 4, gradient_accumulation_steps: 2}", "training.learning_rate": 4e-5},
    ]
    agent = ["agent", "--count", "2", f"{ENTITY}/raytrain/{made.name}"]
    said = wandb_command(tmp_path, *agent, timeout_s=500, **server.environment)
    runs = [run for run in server.account.runs.values() if run.sweep == made.name]
    assert list(members(server, made.name).values()) == ["finished", "finished"], said
    assert [json.loads(run.config)["training.gradient_accumulation_steps"]["value"] for run in runs] == [1, 2]
    assert [[row["examples_seen"] for row in run.history] for run in runs] == [[0, 4], [0, 8]]
    assert len(server.account.runs) == 2


@pytest.mark.soak
def test_a_study_s_trials_are_members_of_the_sweep_that_tune_makes(server: WandbServer, tmp_path: Path) -> None:
    tune = [sys.executable, "-m", "raytrain.tune", "--wandb-sweep", "--baseline", "tiny", "--space", "smoke"]
    asked = [*tune, "--trials", "2", "budget.examples=8", "scheduler.name=none", f"storage={tmp_path}", *TINY]
    done = subprocess.run(
        asked, env=environment(**server.environment), cwd=tmp_path, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
    (sweep,) = server.account.sweeps
    (study,) = tmp_path.glob("*_tiny_smoke")
    assert f"{server.url}/{ENTITY}/raytrain/sweeps/{sweep}\n" in done.stderr
    assert members(server, sweep) == {f"{study.name}-trial-0000": "finished", f"{study.name}-trial-0001": "finished"}
    assert {run.state for run in server.account.runs.values()} == {"finished"}
    assert server.account.runs[f"{study.name}-trial-0000"].tags == ["tiny", "smoke", "baseline", "completed"]
    assert f"{study.name}-study" in server.account.runs
