"""Weights in and out: a model's configuration in, a Whisper ready to train out; and back into a folder.

The folder is Hugging Face's form, with raytrain.json beside: the audio window the weights were trained for, and where
they first came from.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from raytrain.config.baseline import Audio, Model
from raytrain.errors import InputError
from raytrain.files import write_json
from raytrain.whisper.configs import SHAPE, generation_config, model_config
from raytrain.whisper.folders import described
from raytrain.whisper.labels import decoder_prompt, is_multilingual, language_code
from raytrain.whisper.locate import locate
from raytrain.whisper.variants import VARIANTS, Variant

__all__ = ["Whisper", "check", "load", "locate", "save"]

_RAYTRAIN = "raytrain.json"


@dataclass(frozen=True, slots=True)
class Whisper:
    """A model in float32 with what it takes to train, to decode and to save it."""

    model: Any
    """transformers' WhisperForConditionalGeneration."""
    tokenizer: Any
    """transformers' WhisperTokenizer."""
    prompt: tuple[int, ...]
    """The tokens that every transcript starts from."""
    trained_window: Literal["full", "fitted"]
    """The audio window that the weights were trained for."""
    source: str | None
    """Where the weights first came from; None where they are random, and a WER of theirs means nothing."""


def check(model: Model) -> None:
    """Find the weights and see that they have the variant's shape, without loading them: mistakes show early."""
    if model.pretrained is not None:
        _require_shape(model, locate(model.pretrained))


def load(model: Model, *, seed: int) -> Whisper:
    """The weights as the configuration wants them; `seed` draws them where `pretrained` is null."""
    loaded = _random(model, seed=seed) if model.pretrained is None else _pretrained(model, locate(model.pretrained))
    if model.freeze_encoder:
        loaded.model.freeze_encoder()
    if model.gradient_checkpointing:
        loaded.model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    if is_multilingual(loaded.tokenizer):
        loaded.model.generation_config.language = language_code(model.language)
        loaded.model.generation_config.task = model.task
    return loaded


def save(whisper: Whisper, folder: Path, *, window: Audio, extra: Mapping[str, Any]) -> None:
    """Fill a new or empty folder, which from_pretrained then loads.

    `window` is the one the weights were trained for; `extra` goes to raytrain.json.
    """
    from transformers import WhisperFeatureExtractor, WhisperProcessor

    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder}: not empty, and another model's")
    extractor = WhisperFeatureExtractor(whisper.model.config.num_mel_bins)
    with _as_published(whisper.model), _without_progress_bars():
        whisper.model.save_pretrained(folder)
    WhisperProcessor(extractor, whisper.tokenizer).save_pretrained(folder)
    extractor.save_pretrained(folder)  # preprocessor_config.json: where older readers look
    spelling = whisper.tokenizer.english_spelling_normalizer
    if spelling is not None:  # what tokenizer.normalize() needs; transformers reads it and does not write it
        (folder / "normalizer.json").write_text(json.dumps(spelling), encoding="utf-8")
    write_json(folder / _RAYTRAIN, {**extra, "source": whisper.source, "window": window.model_dump()})


def _pretrained(model: Model, folder: Path) -> Whisper:
    import torch
    from safetensors import SafetensorError
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    from raytrain.whisper.tokenizer import load_tokenizer

    _require_shape(model, folder)
    tokenizer = load_tokenizer(folder)
    prompt = tuple(decoder_prompt(tokenizer, model))
    # Settings given to the model's from_pretrained would land in generation_config.json, too.
    config = WhisperConfig.from_pretrained(folder, local_files_only=True, **_settings(model))
    try:
        with _without_progress_bars():
            # transformers takes the dtype of the file unless another is named: half-precision weights would not train.
            weights, about = WhisperForConditionalGeneration.from_pretrained(
                folder, config=config, dtype=torch.float32, local_files_only=True, output_loading_info=True
            )
    except SafetensorError as error:
        raise InputError(f"model.pretrained: {folder} cannot be read ({error}); fetch it again") from error
    lacking = sorted(about["missing_keys"])
    if lacking:
        # transformers fills the gaps with random numbers.
        what = f"{lacking[0]} and {len(lacking) - 1} more" if len(lacking) > 1 else lacking[0]
        raise InputError(f"model.pretrained: the weights in {folder} lack {what}; fetch them again, or name others")
    # Checkpoints of earlier versions have them there.
    for name in _settings(model):
        weights.generation_config.__dict__.pop(name, None)
    weights.generation_config.use_cache = True
    window, source = _origin(folder, model.pretrained)
    return Whisper(weights, tokenizer, prompt, window, source)


def _random(model: Model, *, seed: int) -> Whisper:
    import torch
    from transformers import WhisperForConditionalGeneration

    from raytrain.whisper.tokenizer import tokenizer_at_hand

    variant = VARIANTS[model.variant]
    tokenizer = tokenizer_at_hand(variant)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        weights = WhisperForConditionalGeneration(model_config(variant, tokenizer, **_settings(model)))
    weights.generation_config = generation_config(tokenizer)
    return Whisper(weights, tokenizer, tuple(decoder_prompt(tokenizer, model)), "full", None)


def _settings(model: Model) -> dict[str, Any]:
    """A run's own values in transformers' WhisperConfig, which has one dropout, on the output of each block.

    Dropout of attention weights and activations and the skipping of layers stay off whatever the weights came with: a
    run has no randomness that its configuration does not name. Masking is the training room's, keyed by utterance and
    step.
    """
    off = ("attention_dropout", "activation_dropout", "encoder_layerdrop", "decoder_layerdrop")
    return {**dict.fromkeys(off, 0.0), "dropout": model.dropout, "apply_spec_augment": False}


def _require_shape(model: Model, folder: Path) -> None:
    config = described(folder)
    if config["model_type"] != "whisper":
        raise InputError(
            f"model.pretrained: {folder} holds a model of type {config['model_type']}, not whisper; name other weights"
        )
    shape = {field: config.get(key) for key, field in SHAPE.items()}
    wanted = VARIANTS[model.variant]
    if shape == _shape(wanted):
        return
    same = [variant.name for variant in VARIANTS.values() if _shape(variant) == shape]
    what = f"are whisper-{same[0]}" if same else f"have the shape of no variant ({shape})"
    way_out = f"set model.variant={same[0]}, or name" if same else "name"
    raise InputError(
        f"model.variant: the weights of {model.pretrained} {what}, not whisper-{model.variant}; "
        f"{way_out} weights such as model.pretrained={wanted.hub_id}"
    )


def _shape(variant: Variant) -> dict[str, int]:
    return {field: getattr(variant, field) for field in SHAPE.values()}


def _origin(folder: Path, pretrained: str | None) -> tuple[Literal["full", "fitted"], str | None]:
    """The window these weights were trained for and where they first came from, which our own checkpoints record."""
    if not (folder / _RAYTRAIN).is_file():
        return "full", pretrained
    recorded = json.loads((folder / _RAYTRAIN).read_text(encoding="utf-8"))
    return recorded["window"]["window"], recorded["source"]


@contextmanager
def _as_published(weights: Any) -> Iterator[None]:
    """The configuration others expect, whatever is set for training and whatever audio window is open just now."""
    from raytrain.whisper.window import FULL_FRAMES, audio_window

    dropout, weights.config.dropout = weights.config.dropout, 0.0
    try:
        with audio_window(weights, FULL_FRAMES):
            yield
    finally:
        weights.config.dropout = dropout


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
