"""The files that ship: what small and medium are, and that every baseline goes with every space."""

import hashlib
import re
from pathlib import Path

import jsonschema
import pytest
import yaml as yaml_1_1
from ruamel.yaml import YAML

from raytrain.config.baseline import Baseline
from raytrain.config.find import CHECKOUT
from raytrain.config.reader import load_baseline, load_space
from raytrain.config.schema import schemas
from raytrain.config.space import SearchSpace

BASELINES = ["tiny", "base", "small", "medium", "large-v3", "turbo"]
SPACES = ["batching", "learning", "full", "smoke"]
MEDIUM_SHA256 = "ce37c427d6cb1a71e03c07ef40f78ebe8ea171366a69212ecb65b36e7f5ebded"
WHAT_MEDIUM_WAS_TRAINED_WITH = {
    "variant": "medium",
    "pretrained": "openai/whisper-medium",
    "language": "en",
    "task": "transcribe",
    "dropout": 0.1,
    "freeze_encoder": False,
    "gradient_checkpointing": True,
    "window": "full",
    "max_window_s": 30.0,
    "validation_ratio": 0.1,
    "stratify_by": "age_bucket",
    "num_epochs": 10,
    "max_steps": None,
    "learning_rate": 1e-5,
    "warmup_steps": 500,
    "weight_decay": 0.01,
    "optimizer": "adamw",
    "max_grad_norm": 1.0,
    "precision": "fp16",
    "seed": 42,
    "keep_best": 3,
    "checkpoint_every_steps": 1000,
    "every_steps": 500,
    "max_new_tokens": 448,
}


def flat(baseline: Baseline, *sections: str) -> dict[str, object]:
    values = baseline.model_dump()
    return {key: value for section in sections for key, value in values[section].items()}


def test_small_trains_12_times_3_of_the_small_model() -> None:
    small = load_baseline("small")
    assert (small.model.variant, small.model.pretrained) == ("small", "openai/whisper-small")
    assert (small.training.batch_size, small.training.gradient_accumulation_steps) == (12, 3)
    assert small.effective_batch_size() == 36


def test_medium_has_the_settings_it_was_trained_with() -> None:
    medium = load_baseline("medium")
    values = flat(medium, "prediction", "evaluation", "model", "audio", "data", "training")
    assert {key: values[key] for key in WHAT_MEDIUM_WAS_TRAINED_WITH} == WHAT_MEDIUM_WAS_TRAINED_WITH
    assert (medium.training.batch_size, medium.training.gradient_accumulation_steps) == (8, 4)
    assert medium.prediction.num_beams == 5


def test_the_file_of_medium_is_unchanged() -> None:
    assert hashlib.sha256((CHECKOUT / "baselines/medium.yaml").read_bytes()).hexdigest() == MEDIUM_SHA256


def test_small_differs_from_medium_in_model_split_and_window_alone() -> None:
    small, medium = load_baseline("small").model_dump(), load_baseline("medium").model_dump()
    small["model"] |= {"variant": "medium", "pretrained": "openai/whisper-medium"}
    small["training"] |= {"batch_size": 8, "gradient_accumulation_steps": 4}
    small["audio"]["window"] = "full"
    assert small == medium


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_names_its_variant_and_runs_as_it_is(name: str) -> None:
    baseline = load_baseline(name)
    assert baseline.model.variant == name
    assert str(baseline.model.pretrained).startswith(f"openai/whisper-{name.replace('turbo', 'large-v3-turbo')}")
    assert baseline.data.train_manifest == "demo"


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_spells_out_every_key_one_a_line(name: str) -> None:
    text = (CHECKOUT / f"baselines/{name}.yaml").read_text()
    written = YAML(typ="safe", pure=True).load(text)
    assert {key: list(value) if isinstance(value, dict) else [] for key, value in written.items()} == {
        key: list(value) if isinstance(value, dict) else [] for key, value in load_baseline(name).model_dump().items()
    }
    assert not re.search(r"[{\[]", text)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("baseline", BASELINES)
def test_every_space_goes_with_every_baseline(space: str, baseline: str) -> None:
    assert load_space(space, baseline=load_baseline(baseline)).vary


def test_no_file_ships_untested() -> None:
    assert sorted(path.stem for path in (CHECKOUT / "baselines").glob("*.yaml")) == sorted(BASELINES)
    assert sorted(path.stem for path in (CHECKOUT / "search_spaces").glob("*.yaml")) == sorted(SPACES)


def test_the_demo_study_is_small() -> None:
    space = load_space("smoke", baseline=load_baseline("tiny"))
    assert space.search.trials == 4
    assert space.search.max_concurrent == 1
    assert space.scheduler.first_rung_examples < (space.budget.examples or 0) <= 300


@pytest.mark.parametrize(
    ("folder_and_schema", "name"),
    [(("baselines", "baseline"), name) for name in BASELINES]
    + [(("search_spaces", "search_space"), name) for name in SPACES],
)
def test_editors_find_the_schema_and_it_accepts_the_file(folder_and_schema: tuple[str, str], name: str) -> None:
    folder, schema = folder_and_schema
    text = (CHECKOUT / folder / f"{name}.yaml").read_text()
    assert text.startswith(f"# yaml-language-server: $schema={schema}.schema.json\n")
    written = YAML(typ="safe", pure=True).load(text)
    jsonschema.Draft202012Validator(schemas()[f"{folder}/{schema}.schema.json"]).validate(written)


@pytest.mark.parametrize("name", BASELINES)
def test_an_older_yaml_reader_sees_the_same_words(name: str) -> None:
    written = yaml_1_1.safe_load((CHECKOUT / f"baselines/{name}.yaml").read_text())
    assert written["model"] == load_baseline(name).model.model_dump()


@pytest.mark.parametrize("schema", [Baseline, SearchSpace])
def test_every_key_has_a_help_text_or_is_a_section(schema: type[Baseline] | type[SearchSpace]) -> None:
    definitions = schema.model_json_schema()["$defs"]
    assert all(definition["description"] for definition in definitions.values())


def test_readme_names_every_shipped_file() -> None:
    assert all(f"{name}.yaml" in Path(CHECKOUT / "baselines/README.md").read_text() for name in BASELINES)
    assert all(f"{name}.yaml" in Path(CHECKOUT / "search_spaces/README.md").read_text() for name in SPACES)
