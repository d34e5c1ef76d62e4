"""A checkpoint as a model for others: the files of Hugging Face's form, and how it is to transcribe. No torch.

What resuming needs, and what children said, stay behind.
"""

import shutil
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Prediction
from raytrain.release.source import RAYTRAIN
from raytrain.results.folders import read_json, write_json

WEIGHTS = "model.safetensors"
_FILES = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt",
    "added_tokens.json", "special_tokens_map.json", "normalizer.json", "preprocessor_config.json",
    "processor_config.json", RAYTRAIN,
)  # fmt: skip
_MAX_POSITIONS = 448


def copy_model(checkpoint: Path, into: Path, *, with_weights: bool = True) -> None:
    """The named files alone; whatever else lies there is not the model."""
    into.mkdir(parents=True, exist_ok=True)
    names = [name for name in _FILES if (checkpoint / name).is_file()]
    for name in [*names, WEIGHTS] if with_weights else names:
        shutil.copyfile(checkpoint / name, into / name)


def set_prediction(folder: Path, prediction: Prediction) -> None:
    """Make plain generate() transcribe as the run's configuration says."""
    path = folder / "generation_config.json"
    settings: dict[str, Any] = read_json(path)
    settings["num_beams"] = prediction.num_beams
    # Whisper's generate() adds the rest of the prompt to max_length, all but the start token.
    settings["max_length"] = min(prediction.max_new_tokens + 1, _MAX_POSITIONS)
    write_json(path, settings)


def tell(folder: Path, told: dict[str, Any]) -> None:
    """Put facts beside those that raytrain.json holds."""
    write_json(folder / RAYTRAIN, read_json(folder / RAYTRAIN) | told)


def weights_bytes(checkpoint: Path) -> int:
    return (checkpoint / WEIGHTS).stat().st_size
