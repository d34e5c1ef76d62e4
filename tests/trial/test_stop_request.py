"""A stop that lets runs save: what workers see of it, and how long the driver waits for whom."""

import threading
from pathlib import Path

import pytest

from raytrain.trial import stop_request
from raytrain.trial.run_progress import STOPPED, ProgressFile
from raytrain.trial.stop_request import StopLooked, StopRequest


@pytest.fixture
def asked() -> threading.Event:
    return threading.Event()


def run(storage: Path, phase: str) -> Path:
    (storage / phase).mkdir()
    ProgressFile(storage / phase).tell(phase, 8, 16)
    return storage / phase


def test_workers_see_a_request_once_the_driver_has_heard_of_it(tmp_path: Path, asked: threading.Event) -> None:
    request = StopRequest(tmp_path, asked)
    assert not request.is_over([])
    assert not StopLooked(tmp_path)()
    asked.set()
    assert request.is_over([])
    assert StopLooked(tmp_path)()


def test_a_run_that_trains_is_waited_for_until_it_has_saved(tmp_path: Path, asked: threading.Event) -> None:
    training, stopped = run(tmp_path, "training"), run(tmp_path, STOPPED)
    request = StopRequest(tmp_path, asked)
    asked.set()
    assert not request.is_over([training, stopped])
    ProgressFile(training).tell(STOPPED, 8, 16)
    assert request.is_over([training, stopped])


def test_what_has_only_begun_to_load_has_nothing_to_save(tmp_path: Path, asked: threading.Event) -> None:
    asked.set()
    assert StopRequest(tmp_path, asked).is_over([run(tmp_path, "loading"), tmp_path / "not begun"])


def test_a_run_that_does_not_save_is_waited_for_no_longer_than_there_is(
    tmp_path: Path, asked: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop_request, "SAVED_WITHIN_S", 0.0)
    asked.set()
    request, scoring = StopRequest(tmp_path, asked), run(tmp_path, "scoring")
    request.is_over([scoring])
    assert request.is_over([scoring])


def test_a_request_of_a_process_before_this_one_stops_nobody(tmp_path: Path, asked: threading.Event) -> None:
    asked.set()
    StopRequest(tmp_path, asked).is_over([])
    StopRequest(tmp_path, threading.Event())
    assert not StopLooked(tmp_path)()
