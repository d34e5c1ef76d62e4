"""Where runs are tracked, as a person is told: in words, with the command that sends them, or by the page's address."""

from pathlib import Path

import pytest

from raytrain.config.baseline import Tracking
from raytrain.tracking.page import keep_page, page_of
from raytrain.tracking.whereabouts import Tracked, where_tracked

PAGE = "https://wandb.example/somebody/raytrain/groups/a-study"


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's key, and a working folder of our own."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_SWEEP_ID", "WANDB_BASE_URL", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.chdir(tmp_path)


def test_without_a_key_the_folder_is_named_and_the_command_that_sends_it(tmp_path: Path) -> None:
    assert where_tracked(Tracking(), tmp_path / "results" / "a study") == Tracked(
        words="W&B offline: results/a study/wandb",
        command="wandb sync 'results/a study/wandb'/offline-run-*",
    )


def test_with_a_key_the_project_and_the_group_are_named_until_the_page_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    folder = tmp_path / "a-study"
    assert where_tracked(Tracking(), folder) == Tracked(words="W&B online: project raytrain, a-study")
    assert (keep_page(folder, PAGE), keep_page(folder, PAGE)) == (True, False)
    assert where_tracked(Tracking(), folder) == Tracked(words=f"W&B online: {PAGE}")


def test_what_is_not_tracked_is_not_spoken_of(tmp_path: Path) -> None:
    assert where_tracked(Tracking(wandb="disabled"), tmp_path) is None


@pytest.mark.parametrize(
    "written", [b"", b"\xff\xfe", b"javascript:1", b"https://\x1b[31m", b"https://a" + b"a" * 3000]
)
def test_a_damaged_page_is_none(written: bytes, tmp_path: Path) -> None:
    (tmp_path / "tracking").mkdir()
    (tmp_path / "tracking" / "page.txt").write_bytes(written)
    assert page_of(tmp_path) is None
