"""Scored utterances in groups: what adds up, which intervals there are, and what of two models is said."""

import json
import random
from typing import Any

import pytest

from raytrain.results.scores import ModelScore, Scores, against_first
from raytrain.results.transcripts import Scored
from raytrain.results.verdict import Finding


def row(child: int, number: int, *, errors: int, words: int = 10, **given: Any) -> Scored:
    values: dict[str, Any] = {
        "utterance_id": f"u{child}_{number}", "child_id": f"c{child}", "age_bucket": "5-7", "duration_s": 3.0,
        "reference": "x", "hypothesis": "y", "substitutions": errors, "deletions": 0, "insertions": 0,
        "hits": words - errors, "character_edits": errors, "characters": 5 * words, "session_id": f"c{child}_s1",
        "source": "m.jsonl",
    }  # fmt: skip
    return values | given  # type: ignore[return-value]


def model(rows: list[Scored], name: str = "one") -> ModelScore:
    return ModelScore(name=name, facts={}, caveats=[], rows=rows)


def test_children_who_all_err_alike_leave_no_width() -> None:
    found = model([row(child, number, errors=1) for child in range(10) for number in range(3)])
    assert (found.overall.rate, found.overall.interval) == (0.1, pytest.approx((0.1, 0.1)))
    assert (found.overall.cer, found.cer_interval) == (0.02, pytest.approx((0.02, 0.02)))


def test_the_interval_holds_the_rate_and_ends_at_nought() -> None:
    draw = random.Random(1)
    found = model([row(child, 0, errors=draw.choice([0, 0, 0, 8])) for child in range(12)]).overall
    assert found.interval is not None
    assert 0 <= found.interval[0] < found.rate < found.interval[1]


def test_fewer_than_eight_children_have_no_interval_and_no_verdict() -> None:
    few = [model([row(child, 0, errors=errors) for child in range(7)], str(errors)) for errors in (1, 5)]
    assert few[0].overall.interval is None
    (found,) = against_first(few, "WER")
    assert found.finding == Finding.TOO_LITTLE_DATA
    assert found.sentence == (
        "5: WER 0.500 against 1's 0.100 (difference +0.400): too little data to say, with 7 children."
    )


def test_a_session_has_a_rate_and_no_interval() -> None:
    groups = model([row(child, 0, errors=child % 3) for child in range(10)]).groups
    assert set(groups) == {"age", "session"}
    assert {group.interval for group in groups["session"]} == {None}
    assert groups["age"][0].interval is not None


def test_groups_by_length_come_in_the_order_of_lengths() -> None:
    lengths = (31.0, 0.4, 3.0, 12.0)
    groups = model([row(n, 0, errors=0, duration_s=seconds) for n, seconds in enumerate(lengths)]).groups
    assert [group.name for group in groups["duration"]] == ["0–2 s", "2–4 s", "8–15 s", "over 30 s"]


def test_nothing_to_score_against_is_no_error() -> None:
    silent = [model([row(child, 0, errors=0, words=0) for child in range(9)], name) for name in "ab"]
    assert (silent[0].overall.rate, silent[0].overall.interval) == (0.0, None)
    assert against_first(silent, "WER") == []


def test_a_draw_of_children_who_say_nothing_is_no_error() -> None:
    rows = [row(0, 0, errors=1), *(row(child, 0, errors=0, words=0) for child in range(1, 9))]
    assert model(rows).overall.rate == 0.1
    json.dumps(scores([model(rows), model(rows, "two")]).as_dict(), allow_nan=False)


def test_two_children_give_json_without_infinite_numbers() -> None:
    told = scores(
        [model([row(child, 0, errors=n * (1 + child)) for child in range(2)], str(n)) for n in (0, 3)]
    ).as_dict()
    assert told["comparisons"][0]["low"] is None
    json.dumps(told, allow_nan=False)


def scores(models: list[ModelScore], rate: str = "WER") -> Scores:
    return Scores(title="t", data={}, caveats=[], language="en", rate=rate, models=models)  # type: ignore[arg-type]


def test_where_characters_count_there_is_no_second_rate() -> None:
    rows = [row(child, 0, errors=1) for child in range(9)]
    (told,) = scores([model(rows)], "CER").as_dict()["models"]
    assert (told["cer"], told["characters"], "wer" in told, "cer_low" in told) == (0.1, 90, False, False)
