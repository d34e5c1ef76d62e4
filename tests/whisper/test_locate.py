"""Finding weights: the order of places, and what is said when there are none."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from raytrain.errors import InputError
from raytrain.whisper.locate import locate

FILES = ("config.json", "model.safetensors", "tokenizer.json", "pytorch_model.bin")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def _weights(folder: Path, *, without: str = "") -> Path:
    folder.mkdir(parents=True)
    for name in FILES:
        if name != without:
            (folder / name).write_text("{}")
    return folder


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches and no hub."""
    monkeypatch.setenv("RAYTRAIN_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


def test_a_folder_is_taken_as_it_is_absolute_or_relative(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _weights(places / "mine")
    monkeypatch.chdir(places)
    assert locate(str(folder)) == locate("mine") == locate("./mine") == folder


def test_the_models_folder_comes_before_every_cache(places: Path) -> None:
    _weights(places / "cache" / "models" / "whisper-tiny.en")
    folder = _weights(places / "models" / "whisper-tiny.en")
    assert locate("openai/whisper-tiny.en") == folder


def test_weights_made_from_wheels_before_are_found_in_the_cache(places: Path) -> None:
    folder = _weights(places / "cache" / "models" / "whisper-base")
    assert locate("openai/whisper-base") == folder


def test_weights_the_hub_gave_before_are_found_without_it(places: Path) -> None:
    repository = places / "hub" / "models--openai--whisper-small"
    folder = _weights(repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    assert locate("openai/whisper-small") == folder


@pytest.mark.parametrize("lacking", FILES[:3])
def test_a_folder_that_lacks_something_is_refused_with_its_name(places: Path, lacking: str) -> None:
    folder = _weights(places / "mine", without=lacking)
    with pytest.raises(InputError, match=rf"mine holds no {lacking}"):
        locate(str(folder))


@pytest.mark.parametrize("path", ["/no/such/folder", "./nowhere", "~nobody/x", "a/b/c"])
def test_what_looks_like_a_path_and_is_none_is_not_asked_of_the_hub(places: Path, path: str) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        locate(path)


def test_weights_that_cannot_be_had_leave_with_the_ways_out(places: Path) -> None:
    with pytest.raises(InputError) as refusal:
        locate("openai/whisper-small")
    assert "openai/whisper-small is not on this machine" in str(refusal.value)
    assert "RAYTRAIN_MODELS" in str(refusal.value)
    assert "model.pretrained=null" in str(refusal.value)
    assert "--baseline tiny" in str(refusal.value)


class _Hub(BaseHTTPRequestHandler):
    """The few answers of a model hub that fetching one repository takes."""

    def do_GET(self) -> None:
        files = [
            {"type": "file", "path": name, "size": 2, "oid": name.encode().hex().ljust(40, "0")[:40]} for name in FILES
        ]
        answers = {
            "/api/models/some/whisper": {"id": "some/whisper", "sha": COMMIT, "siblings": []},
            "/api/models/some/whisper/revision/main": {"id": "some/whisper", "sha": COMMIT, "siblings": []},
            f"/api/models/some/whisper/tree/{COMMIT}": files,
            **{f"/some/whisper/resolve/{COMMIT}/{name}": {} for name in FILES},
        }
        path = self.path.split("?")[0]
        body = json.dumps(answers.get(path, {"error": "not found"})).encode()
        self.send_response(200 if path in answers else 404)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"0123"')
        self.send_header("X-Repo-Commit", COMMIT)
        if path not in answers:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _locate_elsewhere(pretrained: str, *, endpoint: str, home: Path) -> str:
    """In a process of its own: the hub's client reads its settings when it is imported."""
    code = (
        "import sys; from raytrain.errors import InputError; from raytrain.whisper.locate import locate\n"
        "try: print(locate(sys.argv[1]))\n"
        "except InputError as error: print(error)"
    )
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home / "hf"), "RAYTRAIN_CACHE": str(home / "cache")}
    environment = {**os.environ, **settings, "RAYTRAIN_MODELS": "", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", code, pretrained], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_hub_gives_what_is_needed_and_nothing_else(hub: str, tmp_path: Path) -> None:
    folder = Path(_locate_elsewhere("some/whisper", endpoint=hub, home=tmp_path))
    assert {path.name for path in folder.iterdir()} == {*FILES} - {"pytorch_model.bin"}


def test_a_model_that_the_hub_has_not_is_said_to_be_missing(hub: str, tmp_path: Path) -> None:
    assert "the hub has no model of that name" in _locate_elsewhere("some/wisper", endpoint=hub, home=tmp_path)


def test_a_hub_that_never_answers_is_given_up_within_seconds(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as silent:  # listens, and serves nobody
        started = time.monotonic()
        said = _locate_elsewhere("some/whisper", endpoint=f"http://127.0.0.1:{silent.server_port}", home=tmp_path)
    assert "the hub cannot be reached" in said
    assert time.monotonic() - started < 60  # without the limit: never
