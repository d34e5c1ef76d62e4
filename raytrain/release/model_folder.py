"""A checkpoint as a model for others: the files of Hugging Face's form, and how it is to transcribe. No torch.

What resuming needs, and what children said, stay behind.
"""

import shutil
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Prediction
from raytrain.files import read_as, write_json
from raytrain.whisper.bases import base_under
from raytrain.whisper.configs import lacking
from raytrain.whisper.folders import ADAPTER_CONFIG, ADAPTER_WEIGHTS, RAYTRAIN, described_decoding, is_adapter
from raytrain.whisper.sound import weight_files
from raytrain.whisper.tokenizer import load_tokenizer
from raytrain.whisper.variants import MAX_TARGET_POSITIONS

WEIGHTS = "model.safetensors"
_OF_THE_WEIGHTS = {
    "alignment_heads", "begin_suppress_tokens", "bos_token_id", "decoder_start_token_id", "eos_token_id",
    "is_multilingual", "lang_to_id", "language", "max_initial_timestamp_index", "median_filter_width",
    "no_timestamps_token_id", "pad_token_id", "prev_sot_token_id", "suppress_tokens", "task", "task_to_id",
    "transformers_version",
}  # fmt: skip
"""What generation_config.json says of the vocabulary and the weights, and not of how to search."""
_FILES = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt",
    "added_tokens.json", "special_tokens_map.json", "normalizer.json", "preprocessor_config.json",
    "processor_config.json", RAYTRAIN,
)  # fmt: skip


def copy_model(checkpoint: Path, into: Path, *, with_weights: bool = True) -> None:
    """Copy the files of a model alone; whatever else lies in the checkpoint is not the model."""
    into.mkdir(parents=True, exist_ok=True)
    names = [name for name in _FILES if (checkpoint / name).is_file()]
    of_weights = (ADAPTER_CONFIG, ADAPTER_WEIGHTS) if is_adapter(checkpoint) else (WEIGHTS,)
    for name in [*names, *of_weights] if with_weights else names:
        shutil.copyfile(checkpoint / name, into / name)


def set_prediction(folder: Path, prediction: Prediction) -> None:
    """Make plain generate() transcribe as the run's configuration says."""
    path = folder / "generation_config.json"
    settings = described_decoding(folder)
    # Penalties and limits of whoever published the first weights are not how the run decoded; checkpoints of earlier
    # versions hold settings of training, too: with use_cache false they decode ten times slower.
    settings = {name: value for name, value in settings.items() if name in _OF_THE_WEIGHTS}
    settings |= {"num_beams": prediction.num_beams, "use_cache": True, "return_timestamps": False}
    if settings.get("is_multilingual") is None:  # earlier versions took over what early weights had
        settings |= lacking(settings, load_tokenizer(folder))
    prompt = 4 if settings["is_multilingual"] else 2  # start, language, task, no timestamps
    # Not max_length: how much of the prompt it counts depends on the version of transformers.
    settings["max_new_tokens"] = min(prediction.max_new_tokens, MAX_TARGET_POSITIONS - prompt)
    write_json(path, settings)
    # Training with gradient checkpointing leaves it false here, and older versions of transformers ask here, too.
    write_json(folder / "config.json", read_as(folder / "config.json", dict[str, Any]) | {"use_cache": True})


def add_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Put facts beside those that raytrain.json holds."""
    write_json(folder / RAYTRAIN, read_as(folder / RAYTRAIN, dict[str, Any]) | facts)


def weights_bytes(checkpoint: Path) -> int:
    """The size of a checkpoint's weights; of an adapter's, that of the weights it lies over."""
    folder = base_under(checkpoint)[0] if is_adapter(checkpoint) else checkpoint
    return sum(file.stat().st_size for file in weight_files(folder))
