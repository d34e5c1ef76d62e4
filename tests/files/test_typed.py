"""JSON through a type: what is right comes back as values, and everything else is one line with file, key and fact."""

import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pytest

from raytrain.errors import InputError
from raytrain.files import as_kind, read_as


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, kw_only=True)
class Shown:
    number: int
    share: float | None = None
    colour: Colour = Colour.RED
    sizes: tuple[int, ...] = ()
    by_name: dict[str, float] = field(default_factory=dict)


def test_a_right_file_is_a_value_of_its_type(tmp_path: Path) -> None:
    path = tmp_path / "shown.json"
    path.write_text('{"number": 3, "share": 1, "colour": "red", "sizes": [1, 2], "by_name": {"a": 1}, "other": 1}')
    assert read_as(path, Shown) == Shown(number=3, share=1.0, sizes=(1, 2), by_name={"a": 1.0})


@pytest.mark.parametrize(
    ("raw", "fact"),
    [
        (b'{"number": "3"}', "number: must be a valid integer, got '3'"),
        (b'{"number": true}', "number: must be a valid integer, got True"),
        (b'{"number": 3, "by_name": {"a": null}}', "by_name.a: must be a valid number, got None"),
        (b'{"number": NaN}', "number: must be a valid integer, got None"),
        (b'{"number": 3, "share": 1e999, "sizes": [1, "2"]}', "sizes.1: must be a valid integer"),
        (b"{}", "number: missing"),
        (b"[]", "must be an object, got []"),
        (b'{"number": 3, "colour": "\\ud800"}', "a text that is not Unicode"),
        (b"[" * 200_000, "not JSON (nested too deeply)"),
        (b'{"number": ' + b"9" * 5_000 + b"}", "not JSON (a number of thousands of digits)"),
        (b"\xff\xfe{", "not JSON (not UTF-8)"),
        (b'{"number": 3', "not JSON (Expecting ',' delimiter, column 13)"),
    ],
)
def test_anything_else_is_one_line_that_names_file_key_and_fact(tmp_path: Path, raw: bytes, fact: str) -> None:
    path = tmp_path / "shown.json"
    path.write_bytes(raw)
    with pytest.raises(InputError) as caught:
        read_as(path, Shown)
    assert str(caught.value).startswith(f"{path}: {fact}")
    assert str(caught.value).endswith("; restore the file from a copy")


def test_what_is_no_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    (tmp_path / "loop").symlink_to("loop")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(30 * 2**30)
    for name, fact in (
        ("pipe", "a pipe or a device"), (".", "a folder"), ("loop", "Too many levels"), ("huge", "32,212,254,720 b"),
        ("none", "there is no such file"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=fact):
            read_as(tmp_path / name, Shown)


def test_keys_that_a_type_does_not_know_can_be_refused() -> None:
    with pytest.raises(InputError, match=r"^here: moods: "):
        as_kind({"number": 1, "moods": 2}, Shown, place="here", way_out="take it out", extra="forbid")
