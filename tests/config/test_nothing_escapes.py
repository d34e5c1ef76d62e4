"""Whatever is typed or written, the answer is a value or an InputError of whole, printable lines."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from raytrain.config.reader import load_baseline, load_space, split_overrides
from raytrain.errors import InputError

fast = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
keys = st.sampled_from(["model", "training", "vary", "keep", "values", "low", "batch_size", "a", "1", "<<", "null", ""])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
dotted = st.lists(keys | st.text(max_size=4), min_size=1, max_size=5).map(".".join)
overrides = st.lists(st.tuples(dotted, st.text(max_size=8) | trees.map(str)).map("=".join) | st.text(), max_size=3)


def said(typed: list[str]) -> list[str]:
    """What reading the baseline, then the space, has to say; nothing when both are fine."""
    for_baseline, for_space = split_overrides(typed)
    try:
        load_space("s.yaml", for_space, baseline=load_baseline("b.yaml", for_baseline))
    except InputError as error:
        return str(error).split("\n")
    return []


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | trees.map(lambda tree: str(tree).encode()))
@example(b"model: {variant: " + b"{" * 300)
@example(b"? - a\n: b\n")
@example(b"%YAML 1.1\n---\nmodel: no\n")
@example(b"a: !!python/object:os.system x\n")
@example(b"a: &x [*x]\n")
@example(b"\xef\xbb\xbf\xef\xbb\xbf")
@fast
def test_no_file_is_too_strange(folder: Path, content: bytes) -> None:
    Path("b.yaml").write_bytes(content)
    assert all(line.isprintable() and line for line in said([]))


@given(overrides)
@example(["training={batch_size: {a: [1, {b: 2}]}}"])
@example(["vary=", "vary.training.batch_size=", "keep.effective_batch_size.low="])
@example(["training.learning_rate=" + "1" * 400])
@example(["\udcff=\udcff"])
@fast
def test_no_override_is_too_strange(folder: Path, typed: list[str]) -> None:
    assert all(line.isprintable() and line for line in said(typed))


@given(trees, trees)
@fast
def test_no_space_is_too_strange(folder: Path, varied: object, kept: object) -> None:
    typed = [f"vary.training.batch_size={varied}", f"vary.training.learning_rate={kept}", f"keep={kept}"]
    assert all(line.isprintable() and line for line in said(typed))


def test_of_thousands_of_faults_the_first_twenty_are_shown(folder: Path) -> None:
    Path("b.yaml").write_text("model: {variant: tiny}\n" + "".join(f"k{n}: 1\n" for n in range(5000)))
    lines = said([])
    assert (len(lines), lines[-1][:4], lines[-1][-5:]) == (21, "and ", " more")


def test_a_key_of_ten_thousand_letters_is_shortened(folder: Path) -> None:
    Path("b.yaml").write_text("a" * 10_000 + ": 1\n")
    assert max(map(len, said([]))) < 1000


def test_a_step_whose_count_overflows_is_refused(folder: Path) -> None:
    line = said(["vary={training.learning_rate: {low: 1e-5, high: 1e-3, step: 5e-324}}"])[-1]
    assert line.endswith("steps of 5e-324 from 1e-05 do not reach 0.001; both ends must be reachable")


def test_a_pipe_that_nobody_writes_to_is_empty_and_not_waited_for(folder: Path) -> None:
    os.mkfifo("pipe.yaml")
    with pytest.raises(InputError, match=r"pipe\.yaml:1: empty"):
        load_baseline("pipe.yaml")


def test_a_long_list_of_values_is_judged_in_one_walk(folder: Path) -> None:
    began = time.process_time()
    said([f"vary.training.batch_size={{values: {list(range(1, 14_000))}}}"])
    assert time.process_time() - began < 20  # half a second; a list searched for each value takes minutes
