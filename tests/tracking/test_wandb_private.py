"""What W&B's client does not promise and raytrain needs is still there, and still needed."""

from pathlib import Path

import pytest
import wandb
from wandb.analytics.opentelemetry import opentelemetry_proxy
from wandb.sdk.lib import wbauth

from raytrain.tracking.wandb_private import UNPROMISED_SETTINGS, find_key, stop_telemetry

SERVER = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


def test_the_settings_still_exist_and_their_defaults_are_still_not_ours() -> None:
    fields = wandb.Settings.model_fields
    defaults = {name: fields[name].default for name in UNPROMISED_SETTINGS}
    assert defaults == {
        "x_transaction_log_flush_interval": 15.0,
        "x_file_stream_transmit_interval": None,
        "x_save_requirements": True,
    }
    assert {name: getattr(wandb.Settings(**UNPROMISED_SETTINGS), name) for name in defaults} == UNPROMISED_SETTINGS


def test_a_key_is_found_without_being_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    key = find_key(SERVER)
    assert isinstance(key, wbauth.AuthApiKey)
    assert key.api_key == "a" * 40
    assert wbauth.session_credentials(host=SERVER) is None


def test_without_a_key_nobody_is_asked() -> None:
    assert find_key(SERVER) is None


def test_a_malformed_key_is_the_error_that_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "short")
    with pytest.raises(wandb.errors.AuthenticationError):
        find_key(SERVER)


def test_a_key_that_no_server_takes_is_the_error_that_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_HTTP_TIMEOUT", "1")
    key = find_key(SERVER)
    assert key is not None
    with pytest.raises(wandb.errors.AuthenticationError):
        key.verify()


def test_the_telemetry_is_stopped_and_no_exit_waits_for_it() -> None:
    stop_telemetry()
    assert opentelemetry_proxy.OpenTelemetryProxy._providers.__code__.co_names.count("_disabled") == 1
    assert opentelemetry_proxy._disabled.is_set()
