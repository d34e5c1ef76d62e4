"""What a released folder says of how to transcribe."""

import json
import shutil
from pathlib import Path

import pytest

from raytrain.config.baseline import Prediction
from raytrain.errors import InputError
from raytrain.release.model_folder import set_prediction


def test_settings_of_training_and_of_another_search_are_not_released(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"use_cache": false, "d_model": 384}')
    path = tmp_path / "generation_config.json"
    leaked = {"dropout": 0.1, "attention_dropout": 0.0, "encoder_layerdrop": 0.0, "use_cache": False}
    leaked |= {"repetition_penalty": 1.2, "no_repeat_ngram_size": 3, "max_length": 64}  # others' limits and penalties
    path.write_text(json.dumps({"is_multilingual": False, "eos_token_id": 50256, **leaked}))
    set_prediction(tmp_path, Prediction(num_beams=5, max_new_tokens=448))
    released = {
        "is_multilingual": False, "eos_token_id": 50256, "num_beams": 5, "max_new_tokens": 446, "use_cache": True,
        "return_timestamps": False,
    }  # fmt: skip
    assert json.loads(path.read_text()) == released
    assert json.loads((tmp_path / "config.json").read_text()) == {"use_cache": True, "d_model": 384}


def test_early_settings_in_the_checkpoint_of_an_earlier_version_are_completed(tiny_en: Path, tmp_path: Path) -> None:
    shutil.copyfile(tiny_en / "config.json", tmp_path / "config.json")
    shutil.copyfile(tiny_en / "tokenizer.json", tmp_path / "tokenizer.json")
    shutil.copyfile(tiny_en / "tokenizer_config.json", tmp_path / "tokenizer_config.json")
    path = tmp_path / "generation_config.json"
    path.write_text(json.dumps({"eos_token_id": 50256, "begin_suppress_tokens": [220]}))
    set_prediction(tmp_path, Prediction(num_beams=5, max_new_tokens=448))
    released = json.loads(path.read_text())
    completed = (released["is_multilingual"], released["no_timestamps_token_id"], released["max_new_tokens"])
    assert completed == (False, 50362, 446)
    assert released["begin_suppress_tokens"] == [220]


def test_settings_of_a_wrong_type_are_told(tmp_path: Path) -> None:
    (tmp_path / "generation_config.json").write_text('{"is_multilingual": "no"}')
    with pytest.raises(InputError, match=r"generation_config\.json: is_multilingual: must be a valid boolean"):
        set_prediction(tmp_path, Prediction())
