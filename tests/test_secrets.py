"""Secrets of the environment lie in nothing that is written or said, and none is taken on a command line."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from wandb_server.server import WandbServer

PLANTED = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTED0ACCESSID",
    "AWS_SECRET_ACCESS_KEY": "planted/aws+secret0000000000000000000000",
    "AWS_SESSION_TOKEN": "planted-aws-session-token",
    "HF_TOKEN": "hf_plantedHuggingFaceToken0000000000000",
    "HUGGING_FACE_HUB_TOKEN": "hf_plantedHubToken00000000000000000000000",
    "HTTPS_PROXY": "http://planted-user:planted-password@127.0.0.1:9",
    "WANDB_API_KEY": "f1a47edc0ffee" * 3 + "f",
}


class Told(NamedTuple):
    said: bytes
    """All that the doors printed."""
    folders: tuple[Path, ...]
    """All that they wrote, Ray's session too."""
    server: WandbServer


@pytest.fixture(scope="module")
def told(tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A small study, tracked on a server and by TensorBoard, reported, exported and archived with secrets about."""
    home = tmp_path_factory.mktemp("secrets")
    ray = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # a socket's path has 107 letters at most
    with WandbServer().serving() as server:
        bare = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
        about = {
            **bare, **server.environment, **PLANTED, "NETRC": str(home / "no-netrc"), "RAY_TMPDIR": str(ray),
            "TMPDIR": str(ray), "WANDB_CACHE_DIR": str(home / "cache"), "NO_PROXY": "127.0.0.1",
        }  # fmt: skip

        def door(module: str, *arguments: str) -> bytes:
            command = [sys.executable, "-m", module, *arguments]
            done = subprocess.run(
                command, env=about, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400
            )
            assert done.returncode == 0, done.stdout
            return done.stdout

        said = door(
            "raytrain.tune", "--baseline", "tiny", "--space", "smoke", "--trials", "1", f"model.pretrained={tiny_en}",
            "training.batch_size=4", "training.num_epochs=null", "training.max_steps=2", "evaluation.max_utterances=2",
            "training.precision=fp32", "scaling.use_gpu=false", "keep={}", "budget.examples=null",
        )  # fmt: skip
        (study,) = (home / "results").iterdir()
        said += door("raytrain.export", str(study), "--to", str(home / "exported"))
        said += door("raytrain.archive", "--archive", str(home / "archive"), "add", str(study), "--why", "it is over")
        yield Told(said, (home, ray), server)
    shutil.rmtree(ray, ignore_errors=True)


def words() -> list[bytes]:
    return [*(value.encode() for value in PLANTED.values()), b"planted-password"]


def holding(folder: Path) -> list[str]:
    """The files below a folder in which a secret lies, and the secret's number."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    found = [(path, path.read_bytes()) for path in files]
    return [f"{path}: {number}" for path, content in found for number, word in enumerate(words()) if word in content]


@pytest.mark.soak
def test_no_file_holds_a_secret_that_was_in_the_environment(told: Told) -> None:
    assert [holding(folder) for folder in told.folders] == [[], []]


@pytest.mark.soak
def test_no_door_says_one(told: Told) -> None:
    assert [word for word in words() if word in told.said] == []


@pytest.mark.soak
def test_wandb_is_sent_none(told: Told) -> None:
    account = told.server.account
    assert len(account.runs) == 2
    sent = repr([vars(run) for run in account.runs.values()] + [vars(one) for one in account.artifacts.values()])
    assert [word for word in words() if word.decode() in sent] == []


@pytest.mark.parametrize(
    "argument",
    [
        "--address=ray://me:planted-password@cluster:10001",
        "storage=s3://planted-id:planted/password@bucket/runs",
        f"model.pretrained={PLANTED['HF_TOKEN']}",
        f"tracking.wandb_project={PLANTED['WANDB_API_KEY']}",
        f"storage={PLANTED['AWS_ACCESS_KEY_ID']}",
    ],
)
@pytest.mark.parametrize("door", ["raytrain.tune", "raytrain.archive"])
def test_a_secret_on_a_command_line_is_refused_and_not_shown(door: str, argument: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", door, argument],
        cwd=tmp_path, env={**os.environ, **PLANTED}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("argument 1 holds a password or a key")
    assert [word for word in words() if word.decode() in done.stderr] == []
    assert list(tmp_path.iterdir()) == []
