"""Whatever is typed or written, the answer is a value or an InputError of whole, printable lines."""

from pathlib import Path

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
