"""64 trials at a quarter of a card each, over machines with one, two and three: none is overfull or passed over."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unlike_cards import AT_ONCE, TRIALS

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    script = Path(__file__).with_name("unlike_cards.py")
    ended = subprocess.run(
        [sys.executable, script, tmp_path_factory.mktemp("cards")], capture_output=True, text=True, timeout=1200
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def test_all_end_once(told: dict[str, Any]) -> None:
    assert (told["numbers"], told["outcomes"]) == (list(range(TRIALS)), ["completed"])


def test_no_card_ever_holds_more_than_one(told: dict[str, Any]) -> None:
    by_card: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for one in told["held"]:
        by_card[one["node"], one["card"]] += [(one["from_s"], 0.25), (one["to_s"], -0.25)]
    most = {card: max(sum(part for _, part in sorted(moments)[:n]) for n in range(len(moments) + 1))
            for card, moments in by_card.items()}  # fmt: skip
    assert 0.25 < max(most.values()) <= 1.0


def test_none_is_passed_by_more_than_start_at_once(told: dict[str, Any]) -> None:
    order = [one["number"] for one in sorted(told["held"], key=lambda one: one["from_s"])]
    assert max(place - number for place, number in enumerate(order)) < AT_ONCE


def test_the_share_of_the_cards_that_lay_idle_is_told(
    told: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    """Of the two cards that eight quarters fill, from the first trial's start to the last one's."""
    starts = [one["from_s"] for one in told["held"]]
    span_s = max(starts) - min(starts)
    busy_s = sum(0.25 * (min(one["to_s"], max(starts)) - one["from_s"]) for one in told["held"])
    idle = 1 - busy_s / (AT_ONCE / 4 * span_s)
    record_property("idle_share", round(idle, 3))
    print(f"idle share {idle:.3f}")
    assert 0 <= idle < 1
