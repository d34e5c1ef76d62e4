"""A study whose S3 is away for a minute, at a bad moment: all trials end as they would have, and all is there."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto_server import S3, place, s3_at_hand
from studies_on_s3 import searched, study_on_s3

from raytrain.files import SUMS
from raytrain.files.s3 import RemoteFolder
from raytrain.study.study import Study

pytestmark = pytest.mark.soak
AWAY_S = 60.0
AT_WORK_S = 5.0
"""In which the server still writes down requests that were cut off."""


@pytest.fixture(scope="module")
def s3(ray_cluster: None) -> Iterator[S3]:
    with s3_at_hand("away", at=place()) as server:
        yield server


def asked(folder: Path, tiny_en: Path) -> Study:
    return study_on_s3(folder, tiny_en, storage=f"s3://away/{folder.name}", trials=2)


@pytest.fixture(scope="module")
def undisturbed(s3: S3, tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return found(asked(tmp_path_factory.mktemp("study") / "undisturbed", tiny_en))


def found(study: Study) -> dict[str, Any]:
    """What a study comes to: its trials, and the bytes of all that its place on S3 holds and promises."""
    trials = searched(study)
    there = RemoteFolder(study.remote or "")
    weights, damaged = {}, []
    for record in study.history.records:
        sums = (there.read(f"{record.checkpoint}/{SUMS}") or b"").decode().splitlines()
        listed = {name: sha256 for sha256, _, name in (line.partition("  ") for line in sums)}
        weights[record.number] = listed.get("model.safetensors")
        damaged += [name for name in listed if there.sha256_of(f"{record.checkpoint}/{name}") != listed[name]]
    here = [path for path in study.folder.iterdir() if path.suffix in (".json", ".jsonl")]
    stale = [path.name for path in here if there.read(path.name) != path.read_bytes()]
    return {"trials": trials, "weights": weights, "damaged": damaged, "stale": stale}


def a_checkpoint_is_sent(requests: list[str]) -> bool:
    """In pieces, of which some have come."""
    return any(one.startswith("PUT") and "model.safetensors?partNumber=2" in one for one in requests)


def the_second_trial_starts(requests: list[str]) -> bool:
    return len({one.split("/ray/")[1].split("/")[0] for one in requests if "/progress.json" in one}) == 2


@pytest.mark.parametrize("moment", [a_checkpoint_is_sent, the_second_trial_starts])
def test_a_minute_without_s3_costs_a_study_that_minute_alone(
    moment: Callable[[list[str]], bool], s3: S3, undisturbed: dict[str, Any], tiny_en: Path, tmp_path: Path
) -> None:
    went: list[int] = []

    def go() -> None:
        while not moment(list(s3)):
            time.sleep(0.05)
        with s3.away():
            time.sleep(AT_WORK_S)
            asked_before = len(s3)
            time.sleep(AWAY_S - AT_WORK_S)
            went.append(len(s3) - asked_before)

    s3.clear()
    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    told = found(asked(tmp_path / moment.__name__, tiny_en))
    thread.join(timeout=1.0)
    assert went == [0]
    assert (told["damaged"], told["stale"]) == ([], [])
    assert told == undisturbed
    assert None not in told["weights"].values()
