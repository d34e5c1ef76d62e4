"""A tracked run arrives whole in W&B's and TensorBoard's files, read back with their own clients."""

import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reading import tensorboard_events, wandb_history, wandb_records, wandb_summary
from tensorboard.plugins.hparams import metadata

from raytrain.config.baseline import Tracking
from raytrain.errors import InputError
from raytrain.tracking.content import RunContent
from raytrain.tracking.tracked_run import TrackedRun, open_run
from raytrain.tracking.wandb_run import wandb_mode

OFFLINE = Tracking(wandb="offline")
CONTENT = RunContent(
    run_id="study-t1",
    name="1 · 8x5",
    group="study",
    job_type="trial",
    tags=("tiny", "smoke"),
    config={"model.pretrained": None, "training.batch_size": 8, "training.learning_rate": 1e-5, "storage": "results"},
)
FIRST = {"examples_seen": 0, "eval_wer": 0.5, "train_loss": None, "finished": False, "history": [{"eval_wer": 0.5}]}
SECOND = {"examples_seen": 160, "eval_wer": 0.25, "train_loss": 1.5, "wer_by_age_bucket": {"5-7": 0.125, "12+": None}}
SUMMARY = {"eval_wer": 0.25, "best_eval_wer": 0.25, "peak_memory_resident_gib": 3.5, "reason": None}


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's key and nobody's server."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_SWEEP_ID", "WANDB_BASE_URL", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


def opened(folder: Path, tracking: Tracking = OFFLINE, **given: Any) -> TrackedRun:
    return open_run(tracking, replace(CONTENT, **given), folder=folder)


def finished(folder: Path, outcome: str = "completed") -> Path:
    run = opened(folder)
    run.log(FIRST)
    run.log(SECOND)
    run.finish(outcome, SUMMARY)
    return folder


def test_every_row_arrives_in_wandb_flat_and_on_examples_seen(tmp_path: Path) -> None:
    records = wandb_records(finished(tmp_path))
    assert wandb_history(records) == [
        {"examples_seen": 0, "eval_wer": 0.5},
        {"examples_seen": 160, "eval_wer": 0.25, "train_loss": 1.5, "wer_by_age_bucket/5-7": 0.125},
    ]
    assert [record["step"].get("num", 0) for record in records["history"]] == [0, 160]


def test_the_wandb_run_has_flat_config_and_summary_group_and_tags(tmp_path: Path) -> None:
    records = wandb_records(finished(tmp_path))
    summary = wandb_summary(records)
    run = records["run"][-1]
    assert {key: summary[key] for key in (*SUMMARY, "outcome")} == {**SUMMARY, "outcome": "completed"}
    assert run["config"]["update"]["training.batch_size"] == 8
    assert (run["run_id"], run["run_group"], run["job_type"]) == ("study-t1", "study", "trial")
    assert run["tags"] == ["tiny", "smoke", "completed"]


@pytest.mark.parametrize(
    ("outcome", "exit_code"),
    [("completed", 0), ("pruned", 0), ("failed", 1), ("diverged", 1), ("out_of_memory", 1), ("interrupted", 255)],
)
def test_a_run_ends_in_the_state_of_its_outcome(tmp_path: Path, outcome: str, exit_code: int) -> None:
    records = wandb_records(finished(tmp_path, outcome))
    assert records["exit"][-1].get("exit_code", 0) == exit_code
    assert wandb_summary(records)["outcome"] == outcome


def test_no_link_leads_out_of_the_run_s_folder(tmp_path: Path) -> None:
    links = [path.resolve() for path in finished(tmp_path).rglob("*") if path.is_symlink()]
    assert all(target.is_relative_to(tmp_path.resolve()) for target in links)


def test_a_resumed_run_goes_on_under_its_id_and_logs_no_row_twice(tmp_path: Path) -> None:
    before = opened(tmp_path)
    before.log(FIRST)
    before.log(SECOND)
    before.finish("interrupted")
    after = opened(tmp_path)
    after.log(SECOND)
    after.log({"examples_seen": 320, "eval_wer": 0.2})
    after.finish("completed", SUMMARY)
    records = wandb_records(tmp_path)
    assert [row["examples_seen"] for row in wandb_history(records)] == [0, 160, 320]
    assert {record["run_id"] for record in records["run"]} == {"study-t1"}
    points = tensorboard_events(tmp_path / "tensorboard" / "1---8x5").Scalars("eval_wer")
    assert [point.step for point in points] == [0, 160, 320]


def test_tensorboard_has_the_rows_and_the_hyper_parameters(tmp_path: Path) -> None:
    finished(tmp_path)
    events = tensorboard_events(tmp_path / "tensorboard" / "1---8x5")
    assert [(point.step, point.value) for point in events.Scalars("eval_wer")] == [(0, 0.5), (160, 0.25)]
    assert [point.value for point in events.Scalars("wer_by_age_bucket/5-7")] == [0.125]
    plugin = events.PluginTagToContent("hparams")
    start = metadata.parse_session_start_info_plugin_data(plugin[metadata.SESSION_START_INFO_TAG])
    end = metadata.parse_session_end_info_plugin_data(plugin[metadata.SESSION_END_INFO_TAG])
    assert start.hparams["training.batch_size"].number_value == 8
    assert start.hparams["model.pretrained"].string_value == "null"
    assert "storage" not in start.hparams
    assert end.status == 1


def test_two_runs_at_once_keep_their_rows_apart(tmp_path: Path) -> None:
    one, other = opened(tmp_path / "one", run_id="a"), opened(tmp_path / "other", run_id="b")
    one.log(FIRST)
    other.log(SECOND)
    one.finish("completed")
    other.finish("completed")
    assert [row["examples_seen"] for row in wandb_history(wandb_records(tmp_path / "one"))] == [0]
    assert [row["examples_seen"] for row in wandb_history(wandb_records(tmp_path / "other"))] == [160]


class Kept:
    """A tracker in memory: the rows that it was sent."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def open(self) -> None:
        pass

    def log(self, row: dict[str, Any], *, examples_seen: int) -> None:
        self.seen.append(examples_seen)


@pytest.mark.parametrize("content", [b"", b"\xff", b"many", b"9" * 5_000, bytes(10_000)])
def test_where_a_damaged_position_tells_nothing_all_rows_are_sent(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "position.txt").write_bytes(content)
    tracker = Kept()
    TrackedRun([tracker], position=tmp_path / "position.txt").log({"examples_seen": 4})  # type: ignore[list-item]
    assert tracker.seen == [4]


def test_a_pipe_in_the_place_of_a_position_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "position.txt")
    tracker = Kept()
    TrackedRun([tracker], position=tmp_path / "position.txt").log({"examples_seen": 4})  # type: ignore[list-item]
    assert tracker.seen == [4]


def test_a_disabled_run_leaves_no_file(tmp_path: Path) -> None:
    run = opened(tmp_path, Tracking(wandb="disabled", tensorboard=False))
    run.log(FIRST)
    run.finish("completed", SUMMARY)
    assert list(tmp_path.iterdir()) == []


def test_auto_is_offline_without_a_key_and_online_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wandb_mode(Tracking()) == "offline"
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    assert wandb_mode(Tracking()) == "online"


def test_wandb_s_own_switch_decides_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert wandb_mode(Tracking()) == "offline"


def test_a_key_in_netrc_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(f"machine api.wandb.ai login user password {'b' * 40}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert wandb_mode(Tracking()) == "online"


def test_online_without_a_key_is_refused_with_the_ways_out() -> None:
    with pytest.raises(InputError, match=r"tracking\.wandb: online needs a key.*tracking\.wandb=offline"):
        wandb_mode(Tracking(wandb="online"))


def test_a_malformed_key_is_said_once_and_the_run_is_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "short")
    monkeypatch.setattr(logging.getLogger("raytrain"), "propagate", True)
    opened(tmp_path, Tracking(), run_id="a").finish("completed")
    opened(tmp_path, Tracking(), run_id="b").finish("completed")
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 2
    assert caplog.text.count("taken as no key") == 1


def test_with_the_server_down_the_run_goes_on_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    done = subprocess.run([sys.executable, __file__, str(tmp_path)], capture_output=True, text=True, timeout=90)
    assert (done.returncode, done.stdout) == (0, "")
    assert [row["examples_seen"] for row in wandb_history(wandb_records(tmp_path))] == [0, 160]
    assert done.stderr.count("does not answer") == 1


def test_rows_are_on_disk_within_two_seconds_of_a_kill(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; import test_tracked_run as t\n"
        "run = t.opened(Path(sys.argv[1])); run.log(t.FIRST); run.log(t.SECOND); time.sleep(2); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parent, timeout=60)
    assert [row["examples_seen"] for row in wandb_history(wandb_records(tmp_path))] == [0, 160]


def test_the_driver_needs_no_torch_to_track() -> None:
    code = "import sys, raytrain.tracking.tracked_run; print(sorted({'torch', 'ray', 'tensorflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


if __name__ == "__main__":
    logging.basicConfig()
    run = opened(Path(sys.argv[1]), Tracking())
    run.log(FIRST)
    run.log(SECOND)
    run.finish("completed", SUMMARY)
