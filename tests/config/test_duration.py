"""Lengths of time as people type them."""

import pytest

from raytrain.config.duration import hours_of
from raytrain.errors import InputError


@pytest.mark.parametrize(
    ("text", "hours"),
    [("8h", 8.0), ("90m", 1.5), ("2.5h", 2.5), ("1h30m", 1.5), ("900s", 0.25), (" 1 H 15 min ", 1.25)],
)
def test_a_length_of_time_has_its_unit(text: str, hours: float) -> None:
    assert hours_of(text, place="--budget") == hours


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("8", "a number without its unit; write 8h or 8m"),
        ("soon", "no length of time; write 8h, 2.5h, 90m or 1h30m"),
        ("", "no length of time"),
        ("-1h", "no length of time"),
        ("0h", "must be above 0"),
        ("1e9h", "no length of time"),
        ("nanh", "no length of time"),
        ("999999999h", "must be above 0, and at most 100000h"),
    ],
)
def test_anything_else_is_refused_with_the_way_out(text: str, fault: str) -> None:
    with pytest.raises(InputError, match=rf"^--budget {text}: {fault}"):
        hours_of(text, place="--budget")
