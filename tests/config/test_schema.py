"""The JSON schemas for editors refuse what the reader refuses. That the written ones are fresh `make check` sees."""

from pathlib import Path

import jsonschema
import pytest

from raytrain.config.reader import load_baseline
from raytrain.config.schema import main, schemas


def test_a_stale_schema_is_named_then_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "baselines").mkdir()
    (tmp_path / "search_spaces").mkdir()
    assert main(["--check"], root=tmp_path) == 1
    assert "baselines/baseline.schema.json: not fresh; run python -m raytrain.config.schema" in capsys.readouterr().err
    assert main([], root=tmp_path) == 0
    assert main(["--check"], root=tmp_path) == 0
    (tmp_path / "baselines/baseline.schema.json").write_text("{}")
    assert main(["--check"], root=tmp_path) == 1


def test_a_field_s_docstring_is_its_help_text() -> None:
    schema = schemas()["baselines/baseline.schema.json"]
    batch_size = schema["$defs"]["Training"]["properties"]["batch_size"]
    assert batch_size["description"].startswith("Utterances per device and micro-step")
    assert (batch_size["minimum"], batch_size["type"]) == (1, "integer")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [("training", "lerning_rate", 1e-5), ("training", "batch_size", "8"), ("model", "variant", "large")],
)
def test_the_schema_refuses_what_the_reader_refuses(section: str, key: str, value: object) -> None:
    tree = load_baseline("small").model_dump()
    validator = jsonschema.Draft202012Validator(schemas()["baselines/baseline.schema.json"])
    assert validator.is_valid(tree)
    tree[section][key] = value
    assert not validator.is_valid(tree)


def test_the_schema_of_spaces_knows_what_can_vary() -> None:
    validator = jsonschema.Draft202012Validator(schemas()["search_spaces/search_space.schema.json"])
    assert validator.is_valid({"vary": {"training.batch_size": {"values": [1, 2]}}})
    assert not validator.is_valid({"vary": {"training.bath_size": {"values": [1, 2]}}})
    assert not validator.is_valid({"vary": {"training.batch_size": {"values": [1, 2], "low": 1}}})
