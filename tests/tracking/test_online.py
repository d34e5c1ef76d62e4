"""Runs arrive whole on a W&B server: a stand-in on loopback, the real client, read back through `wandb.Api()`."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import wandb
from test_published_study import BASELINE, SPACE, trial
from wandb_client import offline_runs, rows, track, wandb_command
from wandb_server.account import ENTITY
from wandb_server.server import WandbServer

from raytrain.config.baseline import Tracking
from raytrain.report.write import write_report
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome
from raytrain.tracking.page import page_of
from raytrain.tracking.published_study import publish_study

ENDS = {
    "completed": "finished", "pruned": "finished", "diverged": "failed", "out_of_memory": "failed", "failed": "failed",
    "interrupted": "killed",
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with WandbServer().serving() as server:
        yield server
        assert server.account.unknown == []


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WandbServer]:
    """A server with a run of each end."""
    with WandbServer().serving() as server:
        runs = [{"run_id": outcome, "outcome": outcome, "rows": rows(0, 160, 320)} for outcome in ENDS]
        assert track(tmp_path_factory.mktemp("ended"), runs, **server.environment) == ""
        yield server
        assert server.account.unknown == []


def read(server: WandbServer, run_id: str) -> Any:
    return reader(server).run(f"{ENTITY}/raytrain/{run_id}")


def reader(server: WandbServer) -> wandb.Api:
    return wandb.Api(overrides={"base_url": server.url}, api_key=server.environment["WANDB_API_KEY"])


def examples(run: Any) -> list[int]:
    return [row["examples_seen"] for row in run.scan_history()]


@pytest.mark.parametrize(("outcome", "state"), ENDS.items())
def test_a_run_of_each_end_has_its_state(ended: WandbServer, outcome: str, state: str) -> None:
    run = read(ended, outcome)
    assert (run.state, run.summary["outcome"], run.tags) == (state, outcome, ["tiny", "smoke", outcome])


def test_every_row_the_config_and_the_summary_arrive_flat(ended: WandbServer) -> None:
    run = read(ended, "completed")
    arrived = [{key: value for key, value in row.items() if not key.startswith("_")} for row in run.scan_history()]
    assert arrived == [
        {"examples_seen": 0, "eval_wer": 1 / 2, "wer_by_age_bucket/5-7": 0.25},
        {"examples_seen": 160, "eval_wer": 1 / 162, "wer_by_age_bucket/5-7": 0.25},
        {"examples_seen": 320, "eval_wer": 1 / 322, "wer_by_age_bucket/5-7": 0.25},
    ]
    assert [row["_step"] for row in run.scan_history()] == [0, 160, 320]
    assert run.config == {
        "model.variant": "tiny",
        "training.batch_size": 8,
        "training.learning_rate": 1e-5,
        "training.spec_augment": None,
    }
    assert (run.summary["eval_wer"], run.summary["best_eval_wer"]) == (1 / 322, 1 / 322)
    assert (run.name, run.group, run.job_type) == ("Completed", "study", "trial")


def test_a_study_s_runs_are_found_by_its_group(ended: WandbServer) -> None:
    found = reader(ended).runs(f"{ENTITY}/raytrain", filters={"group": "study"})
    assert {run.id for run in found} == set(ENDS)
    assert not list(reader(ended).runs(f"{ENTITY}/raytrain", filters={"state": "running"}))


def test_the_address_of_a_study_s_page_is_written_down_as_its_first_run_opens(
    server: WandbServer, tmp_path: Path
) -> None:
    track(tmp_path, [{"run_id": "t1", "outcome": "completed", "rows": rows(0)}], **server.environment)
    page = page_of(tmp_path)
    assert page is not None
    assert page.endswith(f"/{ENTITY}/raytrain/groups/study")
    assert page.startswith(read(server, "t1").url.partition(f"/{ENTITY}/")[0])


def test_a_resumed_run_goes_on_where_it_was_and_no_row_stands_twice(server: WandbServer, tmp_path: Path) -> None:
    before = {"run_id": "t1", "outcome": "interrupted", "rows": rows(0, 160)}
    after = {"run_id": "t1", "outcome": "completed", "rows": rows(160, 320)}
    track(tmp_path, [before], **server.environment)
    track(tmp_path, [after], **server.environment)
    run = read(server, "t1")
    assert (examples(run), run.state, list(server.account.runs)) == ([0, 160, 320], "finished", ["t1"])


def test_an_offline_run_that_was_resumed_arrives_whole_by_wandb_sync(server: WandbServer, tmp_path: Path) -> None:
    before = {"run_id": "t1", "outcome": "interrupted", "rows": rows(0, 160)}
    after = {"run_id": "t1", "outcome": "diverged", "rows": rows(160, 320)}
    track(tmp_path, [before, after], WANDB_MODE="offline")
    wandb_command(tmp_path, "sync", *offline_runs(tmp_path), **server.environment)
    run = read(server, "t1")
    assert (examples(run), run.state) == ([0, 160, 320], "failed")
    assert (run.config["training.batch_size"], run.group, run.tags[-1]) == (8, "study", "diverged")
    assert run.summary["best_eval_wer"] == 1 / 322


def test_a_kill_loses_no_more_than_the_last_two_seconds(server: WandbServer, tmp_path: Path) -> None:
    killed = {"run_id": "t1", "rows": rows(0, 160), "then_wait_s": 2, "then_die": True}
    track(tmp_path, [killed], **server.environment)
    assert examples(read(server, "t1")) == [0, 160]


def test_with_a_server_that_answers_500_the_runs_go_on_offline_and_are_sent_later(
    server: WandbServer, tmp_path: Path
) -> None:
    server.fault = "500"
    runs = [{"run_id": run_id, "outcome": "completed", "rows": rows(0, 160)} for run_id in ("t1", "t2")]
    said = track(tmp_path, runs, timeout_s=60, WANDB_HTTP_TIMEOUT="2", **server.environment)
    server.fault = None
    wandb_command(tmp_path, "sync", *offline_runs(tmp_path), **server.environment)
    assert (said.count("WARNING"), said.count("does not answer"), said.count("\n")) == (1, 1, 1)
    assert examples(read(server, "t1")) == examples(read(server, "t2")) == [0, 160]


@pytest.mark.soak
def test_a_server_that_fails_midway_holds_runs_up_once_and_nothing_is_lost(server: WandbServer, tmp_path: Path) -> None:
    runs = [{"run_id": f"t{n}", "outcome": "completed", "rows": rows(0, 160), "then_wait_s": 6} for n in (1, 2, 3)]
    failing = Timer(5, setattr, (server, "fault", "500"))
    failing.start()
    said = track(tmp_path, runs, timeout_s=100, **server.environment)
    server.fault = None
    (resend,) = [line.split("`")[1] for line in said.splitlines() if "--no-skip-online" in line]
    wandb_command(tmp_path, *shlex.split(resend)[1:], **server.environment)
    wandb_command(tmp_path, "sync", *offline_runs(tmp_path), **server.environment)
    assert said.count("WARNING") == 2
    assert [examples(read(server, run_id)) for run_id in ("t1-whole", "t2", "t3")] == [[0, 160]] * 3


def test_a_study_s_own_run_arrives_with_its_table_and_best_yaml(server: WandbServer, tmp_path: Path) -> None:
    folder = tmp_path / "2026-01-01_tiny_smoke"
    folder.mkdir()
    Description(baseline_name="tiny", baseline=BASELINE, space_name="smoke", space=SPACE).write(folder)
    Ledger(folder).append(trial(0, Outcome.COMPLETED, 0.3))
    Ledger(folder).append(trial(1, Outcome.NOT_STARTED, None))
    publish_study(Tracking(wandb="offline"), write_report(folder))
    wandb_command(tmp_path, "sync", *offline_runs(folder), **server.environment)
    run = read(server, "2026-01-01_tiny_smoke-study")
    (table,) = [file for file in run.files() if "all_trials" in file.name]
    content = json.loads(Path(table.download(root=str(tmp_path), replace=True).name).read_text())
    kept = next(one for one in run.logged_artifacts() if one.type == "study")
    assert [row[content["columns"].index("outcome")] for row in content["data"]] == ["completed", "not_started"]
    assert (run.state, run.job_type, run.summary["trials_not_started"]) == ("finished", "study", 1)
    assert "best.yaml" in kept.manifest.entries
    assert (
        Path(kept.download(root=str(tmp_path / "kept")), "best.yaml").read_text() == (folder / "best.yaml").read_text()
    )
