"""What YAML 1.2 means, what overrides do, and that a dumped baseline reads back to the same value."""

from pathlib import Path
from typing import Any

import pytest
import yaml as yaml_1_1
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from raytrain.config.baseline import (
    Audio,
    Baseline,
    Data,
    Evaluation,
    Model,
    Prediction,
    Scaling,
    Tracking,
    Training,
)
from raytrain.config.dump import dump_yaml
from raytrain.config.reader import apply_sample, load_baseline, split_overrides
from raytrain.config.source import plain_value
from raytrain.config.space import Scalar
from raytrain.errors import InputError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("~", None),
        ("", None),
        ("true", True),
        ("1e-5", 1e-5),
        ("1.", 1.0),
        (".5", 0.5),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("-.inf", float("-inf")),
        ("e5", "e5"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_plain_scalar_means_what_yaml_1_2_says(text: str, value: object) -> None:
    assert plain_value(text) == value
    assert type(plain_value(text)) is type(value)


def test_norwegian_stays_norwegian_and_a_rate_of_one_is_a_float(folder: Path) -> None:
    baseline = load_baseline("b.yaml", ["model={pretrained: x, language: no}", "training.learning_rate=1"])
    assert baseline.model.language == "no"
    assert isinstance(baseline.training.learning_rate, float)


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("model.pretrained=null", None),
        ("model.pretrained=~/weights", "~/weights"),
        ("model.pretrained=a=b", "a=b"),
        ('model.pretrained="5"', "5"),
        ("model.pretrained='a # b'", "a # b"),
        ("model.pretrained=hub://weights", "hub://weights"),
        ("model={variant: tiny, pretrained: x}", "x"),
    ],
)
def test_the_value_of_an_override_is_yaml(folder: Path, override: str, value: object) -> None:
    assert load_baseline("b.yaml", [override]).model.pretrained == value


def test_an_override_may_open_a_section_that_the_file_leaves_to_its_defaults(folder: Path) -> None:
    assert load_baseline("b.yaml", ["scaling.num_workers=2"]).scaling.num_workers == 2


def test_an_override_of_a_section_changes_only_the_keys_it_names() -> None:
    shipped = load_baseline("small")
    config = load_baseline("small", ["training={batch_size: 4, gradient_accumulation_steps: 8}"])
    assert config.effective_batch_size() == 32
    assert config.training.learning_rate == shipped.training.learning_rate


def test_of_two_overrides_of_a_key_the_last_holds(folder: Path) -> None:
    baseline = load_baseline("b.yaml", ["training.batch_size=x", "training.batch_size=4"])
    assert baseline.training.batch_size == 4


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(folder: Path) -> None:
    raw = Path("b.yaml").read_bytes()
    before = load_baseline("b.yaml")
    Path("b.yaml").write_bytes(b"\xef\xbb\xbf" + raw.replace(b"\n", b"\r\n"))
    assert load_baseline("b.yaml") == before


def test_overrides_go_to_the_file_whose_sections_they_name() -> None:
    overrides = ["vary.training.batch_size={values: [1]}", "training.batch_size=3", "serch.trials=2", "odd", "keep=1"]
    assert split_overrides(overrides) == (
        ["training.batch_size=3", "odd"],
        ["vary.training.batch_size={values: [1]}", "serch.trials=2", "keep=1"],
    )


def test_a_sample_changes_its_keys_and_nothing_else(folder: Path) -> None:
    baseline = load_baseline("b.yaml")
    sampled = apply_sample(baseline, {"training.batch_size": 6, "model.freeze_encoder": True})
    assert (sampled.training.batch_size, sampled.model.freeze_encoder) == (6, True)
    assert apply_sample(sampled, {"training.batch_size": 8, "model.freeze_encoder": False}) == baseline
    assert apply_sample(baseline, {}) == baseline


class Counted:
    """A compiled validator that notes each value it is asked to judge."""

    def __init__(self, validator: Any, judged: list[str]) -> None:
        self.validator, self.judged = validator, judged

    def validate_python(self, value: Any, **how: Any) -> Any:
        self.judged.append(self.validator.title)
        return self.validator.validate_python(value, **how)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what pydantic is asked to validate from now on."""
    names: list[str] = []
    for schema in (Baseline, Model, Audio, Data, Training, Evaluation, Prediction, Scaling, Tracking):
        monkeypatch.setattr(schema, "__pydantic_validator__", Counted(schema.__pydantic_validator__, names))
    return names


SAMPLE = {"training.batch_size": 6, "training.gradient_accumulation_steps": 4, "model.dropout": 0.2}


def test_of_a_sample_only_the_sections_that_it_touches_are_validated_again(judged: list[str]) -> None:
    small = load_baseline("small")
    judged.clear()
    apply_sample(small, SAMPLE)
    assert judged == ["Training", "Model"]


def test_values_from_a_space_take_no_validation_and_make_the_same_baseline(judged: list[str]) -> None:
    small = load_baseline("small")
    judged.clear()
    sampled = apply_sample(small, SAMPLE, is_from_space=True)
    assert judged == []
    assert sampled == Baseline.model_validate(sampled.model_dump()) == apply_sample(small, SAMPLE)


@pytest.mark.parametrize("is_from_space", [False, True])
@pytest.mark.parametrize(
    ("sample", "rule"),
    [
        ({"training.num_epochs": None, "training.max_steps": None}, "set num_epochs, max_steps or both"),
        ({"model.dropout": 0.1, "scaling.gpu_fraction": 1.5}, "gpu_fraction is a share of one GPU"),
    ],
)
def test_a_sample_that_breaks_a_rule_between_keys_is_refused(
    is_from_space: bool, sample: dict[str, Scalar], rule: str
) -> None:
    with pytest.raises(InputError, match=rule):
        apply_sample(load_baseline("small"), sample, is_from_space=is_from_space)


def test_a_baseline_cannot_be_changed_in_place(folder: Path) -> None:
    with pytest.raises(ValidationError):
        load_baseline("b.yaml").training.batch_size = 3  # type: ignore[misc]


text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.sampled_from(
    ["no", "1e5", "null", "0x10", "2026-01-01", "1:30", "~", " a ", "a: b", "- a", "#a", "a #b", "\n", "'", '"', "\\"]
)
baselines: st.SearchStrategy[Baseline] = st.builds(
    Baseline,
    model=st.builds(
        Model, variant=st.sampled_from(["tiny", "large-v3"]), pretrained=st.none() | text, dropout=st.floats(0, 0.99),
        language=st.sampled_from(["en", "no", "Haitian Creole"])
    ),
    training=st.builds(
        Training,
        batch_size=st.integers(1, 10**6),
        gradient_accumulation_steps=st.integers(1, 10**6),
        learning_rate=st.floats(min_value=0, exclude_min=True, allow_infinity=False),
        weight_decay=st.floats(min_value=0, allow_infinity=False),
        num_epochs=st.integers(1, 10**9),
        spec_augment=st.sampled_from([None, "basic"]),
    ),
    scaling=st.builds(Scaling, use_gpu=st.sampled_from(["auto", True, False]), gpu_fraction=st.just("auto")),
    storage=text,
)  # fmt: skip


@given(baselines)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_dumped_baseline_reads_back_to_the_same_value(folder: Path, baseline: Baseline) -> None:
    Path("dumped.yaml").write_text(dump_yaml(baseline), encoding="utf-8", newline="")
    assert load_baseline("dumped.yaml") == baseline


@given(baselines)
@settings(deadline=None, max_examples=50)
def test_an_older_yaml_reader_sees_the_same_values(baseline: Baseline) -> None:
    assert yaml_1_1.safe_load(dump_yaml(baseline)) == baseline.model_dump()


def test_a_dump_names_every_key_in_the_order_of_the_schema(folder: Path) -> None:
    dumped: dict[str, Any] = yaml_1_1.safe_load(dump_yaml(load_baseline("b.yaml")))
    assert list(dumped) == list(Baseline.model_fields)
    assert list(dumped["training"]) == list(Training.model_fields)
