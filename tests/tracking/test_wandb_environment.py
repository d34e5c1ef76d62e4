"""W&B's environment is judged before anything starts: one line for what its client would stumble over."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from raytrain.config.baseline import Tracking
from raytrain.errors import InputError
from raytrain.tracking.wandb_environment import require_sound
from raytrain.tracking.wandb_run import wandb_mode

KEY = "a" * 40
NAMES = (
    "WANDB_MODE", "WANDB_BASE_URL", "WANDB_API_KEY", "WANDB_ENTITY", "WANDB_PROJECT", "WANDB_DIR", "WANDB_CACHE_DIR",
    "WANDB_DISABLED", "WANDB_SILENT", "WANDB_QUIET", "WANDB_TAGS", "WANDB_NAME", "WANDB_NOTES", "WANDB_RUN_ID",
    "WANDB_RUN_GROUP", "WANDB_JOB_TYPE", "WANDB_RESUME", "WANDB_RESUME_FROM", "WANDB_FORK_FROM", "WANDB_HTTP_TIMEOUT",
    "WANDB_INIT_TIMEOUT", "WANDB_HTTP_PROXY", "WANDB_CONSOLE", "WANDB_CONFIG_PATHS", "WANDB_IGNORE_GLOBS",
    "WANDB_SETTINGS_SYSTEM", "WANDB_APP_URL", "WANDB__SERVICE_WAIT", "WANDB__STATS_SAMPLING_INTERVAL",
    "WANDB__EXTRA_HTTP_HEADERS", "WANDB_X_EXECUTABLE", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_CREDENTIALS_FILE",
)  # fmt: skip
PIECES = (
    "", " ", "\n", "\t", "online", "offline", "disabled", "oflin", "true", "0", "-1", "1e400", "nan", "null", "[]",
    "{}", "{]", "http://", "https://", "htps://", "://", "user:pass@", "127.0.0.1", ":99999", "[::1", "/", "\\", "?",
    "#", "%zz", "%", "\u202e", "é", "\udcff", "😀", "a" * 10_000, KEY, "api.wandb.ai", "wandb.ai", "=", ",", ";",
    "\x1b[2J",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def refusal(mode: str = "auto", **tracking: str) -> str:
    """The line by which it is refused; empty where it is not."""
    try:
        require_sound(Tracking.model_validate({"wandb": mode, **tracking}))
    except InputError as error:
        return str(error)
    return ""


def test_an_environment_that_says_nothing_is_sound() -> None:
    assert refusal() == refusal("offline") == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WANDB_MODE", ""),
        ("WANDB_MODE", "oflin"),
        ("WANDB_BASE_URL", ""),
        ("WANDB_BASE_URL", "htps://wandb.example"),
        ("WANDB_BASE_URL", "http://[::1"),
        ("WANDB_TAGS", "a" * 65),
        ("WANDB_PROJECT", "a/b"),
        ("WANDB_HTTP_TIMEOUT", "soon"),
        ("WANDB_RUN_ID", " "),
        ("WANDB__EXTRA_HTTP_HEADERS", "{]"),
    ],
)
def test_what_the_client_would_stumble_over_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    said = refusal()
    assert said.startswith(f"{name}: " if "HEADERS" not in name else f"{name}:")
    assert said.endswith("correct or unset it, or go on without W&B by tracking.wandb=disabled")
    assert len(said.splitlines()) == 1
    assert refusal("disabled") == ""


def test_wandb_s_own_switch_to_disabled_asks_for_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "nonsense")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert refusal() == ""


@pytest.mark.parametrize("door", ["fit", "tune"])
def test_a_door_refuses_before_it_makes_anything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, door: str) -> None:
    monkeypatch.setenv("WANDB_MODE", "oflin")
    command = [sys.executable, "-m", f"raytrain.{door}", f"storage={tmp_path / 'results'}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith("WANDB_MODE: 'oflin': Input should be 'online', 'offline'")
    assert not (tmp_path / "results").exists()


def test_a_key_may_have_blanks_and_a_newline_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", f" {KEY}\n")
    assert refusal("online") == ""
    assert wandb_mode(Tracking()) == "online"
    assert os.environ["WANDB_API_KEY"] == KEY


def test_a_malformed_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "secret but short")
    assert "online needs a key" in refusal("online")
    assert "secret" not in refusal("online")
    assert refusal() == ""


@pytest.mark.parametrize("name", ["WANDB_BASE_URL", "WANDB_APP_URL"])
def test_a_password_in_an_address_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "https://me:planted@wandb.example")
    said = refusal()
    assert said.startswith(f"{name}: the address holds a user or password")
    assert "planted" not in said


def test_a_project_s_name_that_wandb_refuses_is_refused_first() -> None:
    assert refusal(wandb_project="a:b").startswith("tracking.wandb_project: 'a:b': Invalid project name")
    assert refusal(wandb_project="a" * 129).startswith("tracking.wandb_project: 'aaa")


@pytest.mark.parametrize("content", [b"[default]\nmode = oflin\n", b"[default]\nbase_url = x\n", b"\xff\xfe[default]"])
def test_a_settings_file_that_the_client_cannot_read_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "settings").write_bytes(content)
    assert refusal().startswith("W&B's settings file")


def test_a_netrc_that_is_no_text_counts_as_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_bytes(b"machine \xff\xfe\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert refusal() == ""


def test_of_random_environments_each_is_sound_or_one_line() -> None:
    drawn = random.Random(11)
    said = [refused_at_random(drawn) for _ in range(300)]
    assert all(len(line) < 700 and line.isprintable() for line in said)
    assert 50 < sum(map(bool, said)) < 300


def refused_at_random(drawn: random.Random) -> str:
    with pytest.MonkeyPatch.context() as environment:
        for name in drawn.sample(NAMES, k=2):
            environment.setenv(name, "".join(drawn.choices(PIECES, k=drawn.randint(1, 3))))
        return refusal(drawn.choice(("auto", "online", "offline")))
