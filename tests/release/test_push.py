"""A proved folder goes to the hub, private, by the hub's real client; refusals are a line, and send nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from hub_server import TOKEN, HubModel, HubServer

from raytrain.errors import Broken, InputError
from raytrain.release.push import Destination, destination


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer().serving() as server:
        yield server


@pytest.fixture
def client(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub in this process, with the stand-in for its hub and a token of ours."""
    reaches(hub.url, monkeypatch)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)  # the stand-in keeps no chunks
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def reaches(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nA card.\n")
    (folder / "model.safetensors").write_bytes(b"weights" * 1000)
    return folder


def test_a_run_is_exported_proved_and_pushed_as_a_private_model(fit: Path, hub: HubServer, tmp_path: Path) -> None:
    about = {
        **os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    arguments = [fit, "--to", tmp_path / "model", "--prove", "1", "--push", "kid-whisper", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "raytrain.export", *map(str, arguments)],
        env=about, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pushed = hub.models["me/kid-whisper"]
    assert pushed.private
    there = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    assert pushed.files == there
    assert {"README.md", "config.json", "transcribe.py", "hearing.py", "raytrain.json"} <= there.keys()
    assert pushed.large == ["model.safetensors"]
    told = json.loads(done.stdout)
    assert (told["proof"]["differ"], told["pushed"]["hub_id"], told["pushed"]["private"]) == (0, "me/kid-whisper", True)
    assert "me/kid-whisper: pushed, private: " in done.stderr
    assert TOKEN not in done.stdout + done.stderr
    assert [name for name, content in there.items() if TOKEN.encode() in content] == []


@pytest.mark.usefixtures("client")
def test_a_model_is_open_to_everybody_only_where_that_is_asked_for(hub: HubServer, model: Path) -> None:
    assert not destination("lab/kid", public=True).push(model).private
    assert not hub.models["lab/kid"].private
    with pytest.raises(InputError, match="lab/kid is open to everybody already; add --public"):
        destination("lab/kid", public=False)
    assert destination("lab/kid", public=True).push(model).hub_id == "lab/kid"


@pytest.mark.usefixtures("client")
def test_a_private_model_is_written_to_again_and_stays_private(hub: HubServer, model: Path) -> None:
    hub.models["me/kid"] = HubModel(private=True, files={"old": b"old"})
    assert destination("me/kid", public=False).push(model).private
    assert hub.models["me/kid"].files.keys() == {"old", "README.md", "model.safetensors"}


@pytest.mark.usefixtures("client")
def test_nothing_is_sent_to_a_model_that_the_hub_made_public(hub: HubServer, model: Path) -> None:
    hub.makes_all_public = True
    with pytest.raises(Broken, match="the hub did not make it private, so nothing is sent; the export is whole"):
        Destination("me/kid", public=False).push(model)
    assert hub.models["me/kid"].files == {}


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    ("hub_id", "fact"), [("a/b/c", "no name on the hub"), ("my whisper", "no name on the hub"), ("x..y", "no name")]
)
def test_what_is_no_name_is_told(hub_id: str, fact: str) -> None:
    with pytest.raises(InputError, match=fact):
        destination(hub_id, public=False)


@pytest.mark.usefixtures("client")
def test_without_a_token_it_is_said_where_one_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(InputError, match="no token for the hub; run hf auth login, or set HF_TOKEN"):
        destination("me/kid", public=False)


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    ("path", "status", "fact"),
    [
        ("whoami", 401, "the hub does not know this token; run hf auth login"),
        ("whoami", 500, "the hub answered 500: .*; nothing was made"),
    ],
)
def test_what_the_hub_refuses_is_told_before_the_work(path: str, status: int, fact: str, hub: HubServer) -> None:
    hub.refuses[path] = status
    with pytest.raises(Broken, match=fact) as told:
        destination("me/kid", public=False)
    assert TOKEN not in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    ("path", "status", "fact"),
    [
        ("repos/create", 403, "the hub does not let this token write there"),
        ("commit", 403, "the hub does not let this token write there"),
        ("commit", 413, "the hub answered 413"),
        ("lfs/objects", 400, "the hub answered 400"),
    ],
)
def test_what_the_hub_refuses_later_leaves_the_folder_and_the_way_to_send_it(
    path: str, status: int, fact: str, hub: HubServer, model: Path
) -> None:
    hub.refuses[path] = status
    with pytest.raises(Broken, match=rf"{fact}.*the export is whole.*hf upload me/kid .*model \.$"):
        Destination("me/kid", public=False).push(model)
    assert (model / "README.md").is_file()


@pytest.mark.usefixtures("client")
def test_without_a_network_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    reaches("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(
        Broken, match=r"--push me/kid: it does not get through to the hub \(ConnectError: .*nothing was"
    ):
        destination("me/kid", public=False)
