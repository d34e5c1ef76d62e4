"""The files that ship, by name, and all that are there: a baseline or a space that a person adds is one of them."""

import re
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml as yaml_1_1
from ruamel.yaml import YAML

from raytrain.config.baseline import Baseline
from raytrain.config.dump import dump_tree
from raytrain.config.find import CHECKOUT
from raytrain.config.reader import load_baseline, load_space
from raytrain.config.schema import schemas
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError

ADAPTED = ["medium-lora", "large-v3-lora", "turbo-lora"]
BASELINES = ["tiny", "base", "small", "medium", "large-v3", "turbo", *ADAPTED]
SPACES = ["batching", "learning", "full", "augmentation", "smoke"]


def dotted(tree: dict[str, object]) -> list[str]:
    """The keys inside sections, in their order."""
    return [f"{section}.{key}" for section, value in tree.items() if isinstance(value, dict) for key in value]


def test_small_trains_12_times_3_of_the_small_model() -> None:
    small = load_baseline("small")
    assert (small.model.variant, small.model.pretrained) == ("small", "openai/whisper-small")
    assert (small.training.batch_size, small.training.gradient_accumulation_steps) == (12, 3)
    assert small.effective_batch_size() == 36


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_names_its_variant_and_runs_as_it_is(name: str) -> None:
    baseline, variant = load_baseline(name), name.removesuffix("-lora")
    assert baseline.model.variant == variant
    assert str(baseline.model.pretrained).startswith(f"openai/whisper-{variant.replace('turbo', 'large-v3-turbo')}")
    assert baseline.data.train_manifest == "demo"


@pytest.mark.parametrize("name", ADAPTED)
def test_a_baseline_with_an_adapter_keeps_what_is_not_about_it_from_the_full_one(name: str) -> None:
    adapted, full = load_baseline(name), load_baseline(name.removesuffix("-lora"))
    assert adapted.model.adapter is not None
    assert adapted.model.base_precision == "bf16"
    assert 3e-4 <= adapted.training.learning_rate <= 1e-3
    assert adapted.effective_batch_size() == full.effective_batch_size()
    assert (adapted.audio, adapted.data) == (full.audio, full.data)


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_spells_out_its_keys_one_a_line_in_the_order_of_the_schema(name: str) -> None:
    """A key that the schema gained since, with a default, may be absent."""
    text = (CHECKOUT / f"baselines/{name}.yaml").read_text()
    written = dotted(YAML(typ="safe", pure=True).load(text))
    assert written == [key for key in dotted(load_baseline(name).model_dump()) if key in written]
    assert not re.search(r"[{\[]", text)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("baseline", [name for name in BASELINES if name not in ADAPTED])
def test_every_space_goes_with_every_baseline(space: str, baseline: str) -> None:
    assert load_space(space, baseline=load_baseline(baseline)).vary


@pytest.mark.parametrize("space", ["batching", "augmentation", "smoke"])
@pytest.mark.parametrize("baseline", ADAPTED)
def test_spaces_that_vary_no_rate_go_with_adapters_too(space: str, baseline: str) -> None:
    assert load_space(space, baseline=load_baseline(baseline)).vary


@pytest.mark.parametrize("space", ["learning", "full"])
@pytest.mark.parametrize("baseline", ADAPTED)
def test_a_space_of_rates_for_full_fine_tuning_is_refused_beside_an_adapter(space: str, baseline: str) -> None:
    with pytest.raises(InputError, match=f"search_spaces/{space}.yaml:"):
        load_space(space, baseline=load_baseline(baseline))


@pytest.mark.parametrize("path", sorted((CHECKOUT / "baselines").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_baseline_that_is_there_can_be_read(path: Path) -> None:
    assert load_baseline(str(path)).effective_batch_size() >= 1


@pytest.mark.parametrize("path", sorted((CHECKOUT / "search_spaces").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_space_that_is_there_has_the_form_of_one(path: Path) -> None:
    assert SearchSpace.model_validate(YAML(typ="safe", pure=True).load(path)).vary


@pytest.mark.parametrize("name", ["small", "medium"])
def test_a_copy_under_another_name_is_a_baseline_like_any_other(folder: Path, name: str) -> None:
    Path("baselines").mkdir()
    shutil.copy(CHECKOUT / f"baselines/{name}.yaml", "baselines/mine.yaml")
    assert load_baseline("mine") == load_baseline(name)
    assert load_space("batching", baseline=load_baseline("mine")).vary


def test_a_copy_of_a_space_under_another_name_is_a_space_like_any_other(folder: Path) -> None:
    Path("search_spaces").mkdir()
    shutil.copy(CHECKOUT / "search_spaces/learning.yaml", "search_spaces/mine.yaml")
    small = load_baseline("small")
    assert load_space("mine", baseline=small) == load_space("learning", baseline=small)


@pytest.mark.parametrize("name", BASELINES)
def test_keys_that_have_defaults_may_be_absent_from_a_file(folder: Path, name: str) -> None:
    """So a key that the schema gains leaves every file that is there a baseline."""
    written = YAML(typ="safe", pure=True).load(CHECKOUT / f"baselines/{name}.yaml")
    needed = {"model": ("variant", "pretrained"), "training": (
        "batch_size", "gradient_accumulation_steps", "learning_rate", "num_epochs",
    )}  # fmt: skip
    least = {section: {key: written[section][key] for key in keys} for section, keys in needed.items()}
    Path("least.yaml").write_text(dump_tree(least))
    assert load_baseline("least.yaml").training.batch_size == written["training"]["batch_size"]


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
    model = load_baseline(name).model.model_dump()
    assert written["model"] == {key: model[key] for key in written["model"]}


@pytest.mark.parametrize("schema", [Baseline, SearchSpace])
def test_every_key_has_a_help_text_or_is_a_section(schema: type[Baseline] | type[SearchSpace]) -> None:
    definitions = schema.model_json_schema()["$defs"]
    assert all(definition["description"] for definition in definitions.values())


def test_readme_names_every_shipped_file() -> None:
    assert all(f"{name}.yaml" in Path(CHECKOUT / "baselines/README.md").read_text() for name in BASELINES)
    assert all(f"{name}.yaml" in Path(CHECKOUT / "search_spaces/README.md").read_text() for name in SPACES)
