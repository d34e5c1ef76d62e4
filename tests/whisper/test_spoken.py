"""Weights on this machine that know English alone are asked for nothing else, whatever they are called."""

import json
from pathlib import Path

import pytest

from raytrain.config.baseline import Model
from raytrain.errors import InputError
from raytrain.whisper.spoken import require_spoken


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """What tells of English-only weights, of which one file is read."""
    folder = tmp_path / "fine-tuned"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "whisper", "vocab_size": 51864}))
    return folder


def model(pretrained: object, **values: str) -> Model:
    return Model(variant="tiny", pretrained=None if pretrained is None else str(pretrained), **values)


@pytest.mark.parametrize(("values", "key"), [({"language": "de"}, "language"), ({"task": "translate"}, "task")])
def test_english_only_weights_in_a_folder_of_any_name_are_refused(
    weights: Path, values: dict[str, str], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYTRAIN_MODELS", str(weights.parent))
    for name in (weights, f"{weights}/", "someone/fine-tuned"):
        with pytest.raises(
            InputError, match=rf"^model\.{key}: .*fine-tuned/? knows English only.*openai/whisper-tiny, or"
        ):
            require_spoken(model(name, **values))


def test_english_and_weights_that_are_not_here_are_let_through(weights: Path) -> None:
    require_spoken(model(weights, language="English"))
    require_spoken(model("someone/else", language="de"))
    require_spoken(model(None, language="de"))


@pytest.mark.parametrize("config", ['{"vocab_size": 51865}', "{", "[]"])
def test_multilingual_weights_and_those_that_loading_will_judge_are_let_through(weights: Path, config: str) -> None:
    (weights / "config.json").write_text(config)
    require_spoken(model(weights, language="de"))
