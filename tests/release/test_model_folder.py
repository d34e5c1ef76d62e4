"""What a released folder says of how to transcribe."""

import json
from pathlib import Path

from raytrain.config.baseline import Prediction
from raytrain.release.model_folder import set_prediction


def test_settings_of_training_in_the_checkpoint_of_an_earlier_version_are_not_released(tmp_path: Path) -> None:
    path = tmp_path / "generation_config.json"
    leaked = {"dropout": 0.1, "attention_dropout": 0.0, "encoder_layerdrop": 0.0, "use_cache": False}
    path.write_text(json.dumps({"is_multilingual": False, "eos_token_id": 50256, **leaked}))
    set_prediction(tmp_path, Prediction(num_beams=5, max_new_tokens=448))
    released = {"is_multilingual": False, "eos_token_id": 50256, "num_beams": 5, "max_new_tokens": 446}
    assert json.loads(path.read_text()) == released
