"""Words in a terminal are broken between words alone, commands by nobody; a path is as one types it where one is."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytrain import terminal
from raytrain.terminal import here, tell, tell_command


class Columns(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 2


def told(text: str, *, columns: int, label: str = "verdict") -> list[str]:
    """The lines that stand in a terminal of so many columns."""
    shown = Columns()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.stderr", shown)
        patched.setattr(terminal.os, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))
        tell(label, text)
    return shown.getvalue().splitlines()


WORDS = st.text("abc/-_.,:×=7", min_size=1, max_size=12) | st.text("ab/-", min_size=30, max_size=130)


@given(st.lists(WORDS, min_size=1), st.integers(40, 120))
def test_no_word_is_broken_none_is_lost_and_only_one_that_is_too_long_passes_the_end(
    words: list[str], columns: int
) -> None:
    lines = told(" ".join(words), columns=columns)
    assert " ".join(lines).split() == ["verdict", *words]
    assert all(len(line) <= columns or len(line.split()) == 1 or " × " in line or " = " in line for line in lines)
    assert all(line.startswith(" " * 11) for line in lines[1:])


@pytest.mark.parametrize("text", ["batch size 8 × accumulation 3 = 24 clips", "12 GiB are free", "59 % fewer"])
def test_numbers_stay_with_what_they_are_numbers_of(text: str) -> None:
    for columns in range(40, 90):
        for line in told(f"the quick brown fox jumps over {text}", columns=columns):
            assert not line.endswith((" ×", " =", " 12", " 59")), line
            assert not line.strip().startswith(("×", "=", "GiB", "%"))


def test_where_no_terminal_is_a_sentence_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    tell("verdict", "word " * 100)
    assert capsys.readouterr().err == f"verdict    {'word ' * 100}\n"


def test_a_command_is_one_line_in_any_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Columns()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setattr(terminal.os, "get_terminal_size", lambda _: os.terminal_size((40, 24)))
    tell_command("python -m raytrain.tune " * 10)
    assert shown.getvalue() == f"{' ' * 11}{'python -m raytrain.tune ' * 10}\n"


def test_a_path_is_shown_as_it_is_typed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert here(tmp_path / "here" / "results" / "a") == "results/a"
    assert here(tmp_path / "there") == str(tmp_path / "there")
    assert here(tmp_path / "here" / "-results") == str(tmp_path / "here" / "-results")  # else it would be an option
    assert here(Path("results")) == "results"
    (tmp_path / "here").rmdir()
    assert here(tmp_path / "there") == str(tmp_path / "there")
