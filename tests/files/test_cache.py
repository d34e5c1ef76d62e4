"""Where what can be made again is kept, and what is said where no folder is known for it."""

import pwd
from typing import Any, NoReturn

import pytest

from raytrain.cli import run_door
from raytrain.files.cache import cache_folder


def test_no_home_and_no_entry_of_the_user_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(*_: Any) -> NoReturn:
        raise KeyError("uid not found")

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("RAYTRAIN_CACHE", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(SystemExit) as left:
        run_door(lambda: len(str(cache_folder())))
    assert (left.value.code, capsys.readouterr().err.count("\n")) == (2, 1)
