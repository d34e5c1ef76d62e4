"""The dashboard whose command `tune` prints opens a study's optuna.db, and follows it."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from histories import BATCH, history

from raytrain.study.projection import Projection


@contextmanager
def dashboard(storage: str) -> Iterator[str]:
    """The installed command on a free port; its address, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).with_name("optuna-dashboard")), storage, "--port", str(port), "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        _until(lambda: _answers(address))
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address).close()
    except urllib.error.URLError:
        return False
    return True


def _until(fact: Callable[[], bool], *, limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def asked(address: str) -> Any:
    with urllib.request.urlopen(address) as answer:
        assert answer.status == 200
        return json.load(answer)


def test_it_shows_the_study_and_its_trials_while_they_run(tmp_path: Path) -> None:
    kept = history(tmp_path)
    projection = Projection(kept, tmp_path)
    kept.start(kept.axes.baseline_sample)
    kept.score(0, examples_seen=100, objective=0.4)
    projection.follow()
    with dashboard(f"sqlite:///{tmp_path / 'optuna.db'}") as address:
        with urllib.request.urlopen(f"{address}/dashboard/") as page:
            assert page.status == 200
        (study,) = asked(f"{address}/api/studies")["study_summaries"]
        shown = f"{address}/api/studies/{study['study_id']}"
        (before,) = asked(shown)["trials"]
        kept.start({BATCH: 4})
        projection.follow()
        _until(lambda: len(asked(shown)["trials"]) == 2)  # it reads the file anew every ten seconds
        after = asked(shown)["trials"]
    assert study["study_name"] == tmp_path.name
    assert (before["state"], before["intermediate_values"]) == ("Running", [{"step": 100, "value": 0.4}])
    assert [trial["params"][0]["param_external_value"] for trial in after] == ["8", "4"]
