"""Weights in and out: a model's configuration in, a Whisper ready to train out; and back into a folder.

The folder is Hugging Face's form, with raytrain.json beside: the audio window the weights were trained for, and where
they first came from. Where an adapter learned, it lies there alone, in peft's form, and raytrain.json names the weights
that it belongs to.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from raytrain.config.adapter import Adapter
from raytrain.config.baseline import Audio, Model, Window
from raytrain.config.languages import language_code
from raytrain.errors import InputError
from raytrain.files import read_as, write_json
from raytrain.whisper import adapters, lean
from raytrain.whisper.bases import Base, base_at, base_under, recorded_adapter
from raytrain.whisper.configs import LISTS, generation_config, lacking, model_config
from raytrain.whisper.folders import RAYTRAIN, described, described_decoding, is_adapter
from raytrain.whisper.labels import decoder_prompt, is_multilingual
from raytrain.whisper.locate import locate
from raytrain.whisper.sound import fault_seen, require_variant, require_whisper, written_fault
from raytrain.whisper.variants import VARIANTS

__all__ = ["Whisper", "check", "load", "locate", "save"]


@dataclass(frozen=True, slots=True)
class Whisper:
    """A model with what it takes to train, to decode and to save it: in float32, but for weights under an adapter."""

    model: Any
    """transformers' WhisperForConditionalGeneration."""
    tokenizer: Any
    """transformers' WhisperTokenizer."""
    prompt: tuple[int, ...]
    """The tokens that every transcript starts from."""
    trained_window: Window
    """The audio window that the weights were trained for."""
    source: str | None
    """Where the weights first came from; None where they are random, and a WER of theirs means nothing."""
    text_language: str = "en"
    """The code of the language that its transcripts are in, and are scored as."""
    adapter: Adapter | None = None
    """What learns beside the weights; None where they learn themselves, an adapter of earlier being added to them."""
    base: Base | None = None
    """The weights that the adapter lies over; None where there is none, or where they are random."""


@dataclass(frozen=True, slots=True)
class _Window:
    window: Window


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What raytrain.json must hold, among other things."""

    window: _Window
    source: str | None


def check(model: Model) -> None:
    """Find the weights and see that they are whole and of the variant's shape: mistakes show early.

    Every byte is read, and little memory is taken.
    """
    lean.require_precision(model.base_precision, here=False)
    if model.pretrained is not None:
        folder = locate(model.pretrained)
        _refuse(folder, written_fault(folder, model))
        if is_adapter(folder):
            _require_same_adapter(model, folder)
            base_under(folder)
        _tokenizer_and_prompt(model, folder)
    elif model.adapter is not None:
        raise InputError(
            "model.adapter: an adapter lies over weights that are kept, and random ones are not; name some in "
            "model.pretrained, or set adapter to null"
        )


def load(model: Model, *, seed: int, any_shape: bool = False) -> Whisper:
    """The weights as the configuration wants them; `seed` draws them where `pretrained` is null.

    With `any_shape` they may be of another shape than the variant's, as a distilled Whisper's: to listen, not to train.
    Where they are an adapter with its weights, the model's own adapter is that one; a model without one has it merged.
    """
    from raytrain.whisper.attention import ATTENTION

    lean.require_precision(model.base_precision, here=True)

    if model.pretrained is None:
        loaded = _random(model, seed=seed)
    else:
        loaded = _pretrained(model, locate(model.pretrained), any_shape=any_shape)
    loaded.model.set_attn_implementation(ATTENTION)
    if model.freeze_encoder:
        loaded.model.freeze_encoder()
    loaded = _adapted(loaded, model, seed=seed)
    if model.gradient_checkpointing:
        loaded.model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    if is_multilingual(loaded.tokenizer):
        loaded.model.generation_config.language = language_code(model.language)
        loaded.model.generation_config.task = model.task
    return loaded


def save(whisper: Whisper, folder: Path, *, window: Audio, extra: Mapping[str, Any]) -> None:
    """Fill a new or empty folder, which from_pretrained then loads; peft, where an adapter learned, which lies there
    alone.

    `window` is the one the weights were trained for; `extra` goes to raytrain.json.
    """
    from transformers import WhisperFeatureExtractor, WhisperProcessor

    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder}: not empty, and another model's")
    extractor = WhisperFeatureExtractor(whisper.model.config.num_mel_bins)
    with _as_published(whisper.model), _without_progress_bars():
        facts = _save_model(whisper, folder)
    WhisperProcessor(extractor, whisper.tokenizer).save_pretrained(folder)
    extractor.save_pretrained(folder)  # preprocessor_config.json: where older readers look
    spelling = whisper.tokenizer.english_spelling_normalizer
    if spelling is not None:  # what tokenizer.normalize() needs; transformers reads it and does not write it
        (folder / "normalizer.json").write_text(json.dumps(spelling), encoding="utf-8")
    write_json(folder / RAYTRAIN, {**extra, **facts, "source": whisper.source, "window": window.model_dump()})


def _save_model(whisper: Whisper, folder: Path) -> dict[str, Any]:
    """Write what learned, with the model's own configuration; what raytrain.json is to say of it."""
    if whisper.adapter is None:
        whisper.model.save_pretrained(folder)
        return {}
    if whisper.base is None:
        raise InputError("model.adapter: lies over random weights, which are not kept; it cannot be saved without them")
    adapters.save_adapter(whisper.model, whisper.adapter, folder, base=whisper.base.pretrained)
    whisper.model.config.save_pretrained(folder)
    whisper.model.generation_config.save_pretrained(folder)
    return {"adapter": whisper.adapter.model_dump(), "base": whisper.base.as_dict()}


def _adapted(loaded: Whisper, model: Model, *, seed: int) -> Whisper:
    """With the model's adapter, a new one or that of the folder it is loaded from; or with that one merged."""
    folder = None if model.pretrained is None else locate(model.pretrained)
    former = None if folder is None or not is_adapter(folder) else folder
    if former is not None:
        _require_same_adapter(model, former)
    lean.quantize(loaded.model, model.base_precision)
    adapter = model.adapter if former is None or model.adapter is not None else recorded_adapter(former)
    if adapter is None:
        return loaded
    learns = [parameter.requires_grad for parameter in loaded.model.parameters()]
    adapters.attach(loaded.model, adapter, seed=seed)
    if former is not None:
        adapters.restore(loaded.model, former)
    if model.adapter is None:
        adapters.merge(loaded.model)
        for parameter, learned in zip(loaded.model.parameters(), learns, strict=True):
            parameter.requires_grad_(learned)
        return loaded
    lean.halve(loaded.model, model.base_precision)
    base = None
    if folder is not None and model.pretrained is not None:
        base = base_at(folder, model.pretrained) if former is None else base_under(former)[1]
    return replace(loaded, adapter=adapter, base=base)


def _require_same_adapter(model: Model, folder: Path) -> None:
    """Refuse to go on with an adapter of another kind; how much of its inputs is dropped may change."""
    if model.adapter is None:
        return
    found = recorded_adapter(folder)
    for key, asked in model.adapter.model_dump(exclude={"dropout"}).items():
        if (there := getattr(found, key)) != asked:
            raise InputError(
                f"model.adapter.{key}: {asked}, and the adapter in {folder} has {there}; set the same, or adapter to "
                "null, which trains the weights with that adapter added to them"
            )


def _pretrained(model: Model, folder: Path, *, any_shape: bool) -> Whisper:
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    tokenizer, prompt = _tokenizer_and_prompt(model, folder, any_shape=any_shape)
    window, source = _origin(folder, model.pretrained)
    if is_adapter(folder):
        folder, _ = base_under(folder)
        _refuse(folder, fault_seen(folder))
    # Settings given to the model's from_pretrained would land in generation_config.json, too.
    config = WhisperConfig.from_pretrained(folder, local_files_only=True, **_settings(model))
    with _without_progress_bars():
        # transformers takes the dtype of the file unless another is named: half-precision weights would not train.
        weights = WhisperForConditionalGeneration.from_pretrained(
            folder, config=config, dtype=torch.float32, local_files_only=True
        )
    published = vars(weights.generation_config)
    published.update({name: getattr(config, name, None) for name in LISTS if not published.get(name)})
    published.update(lacking(published, tokenizer), _from_model_config=False)  # else generate() may make another
    # The prompt of 2022, token by token: generate() would take it for what is configured.
    published.pop("forced_decoder_ids", None)
    vars(weights.config).pop("forced_decoder_ids", None)
    # Checkpoints of earlier versions have them there.
    for name in _settings(model):
        published.pop(name, None)
    weights.generation_config.use_cache = True
    return Whisper(weights, tokenizer, prompt, window, source, model.text_language())


def _random(model: Model, *, seed: int) -> Whisper:
    import torch
    from transformers import WhisperForConditionalGeneration

    from raytrain.whisper.tokenizer import tokenizer_at_hand

    variant = VARIANTS[model.variant]
    plain_english = language_code(model.language) == "en" and model.task == "transcribe"
    tokenizer = tokenizer_at_hand(variant, english_will_do=plain_english)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        weights = WhisperForConditionalGeneration(model_config(variant, tokenizer, **_settings(model)))
    weights.generation_config = generation_config(tokenizer)
    prompt = tuple(decoder_prompt(tokenizer, model))
    return Whisper(weights, tokenizer, prompt, "full", None, model.text_language())


def _settings(model: Model) -> dict[str, Any]:
    """A run's own values in transformers' WhisperConfig, which has one dropout, on the output of each block.

    Dropout of attention weights and activations and the skipping of layers stay off whatever the weights came with: a
    run has no randomness that its configuration does not name. Masking is the training room's, keyed by utterance and
    step.
    """
    off = ("attention_dropout", "activation_dropout", "encoder_layerdrop", "decoder_layerdrop")
    return {**dict.fromkeys(off, 0.0), "dropout": model.dropout, "apply_spec_augment": False}


def _tokenizer_and_prompt(model: Model, folder: Path, *, any_shape: bool = False) -> tuple[Any, tuple[int, ...]]:
    """The tokenizer, and what each transcript starts from, of a folder in which all can be this Whisper's."""
    from raytrain.whisper.tokenizer import load_tokenizer

    if any_shape:
        require_whisper(folder)
    else:
        require_variant(model, folder)
    if not is_adapter(folder):
        _refuse(folder, fault_seen(folder))
    described_decoding(folder)
    tokenizer = load_tokenizer(folder)
    if len(tokenizer) > (rows := described(folder)["vocab_size"]):
        _refuse(folder, f"its tokenizer has {len(tokenizer)} tokens, and its weights {rows}")
    return tokenizer, tuple(decoder_prompt(tokenizer, model))


def _refuse(folder: Path, fault: str | None) -> None:
    if fault is not None:
        raise InputError(f"model.pretrained: {folder}: {fault}; fetch it again, or name other weights")


def _origin(folder: Path, pretrained: str | None) -> tuple[Window, str | None]:
    """The window these weights were trained for and where they first came from, which our own checkpoints record."""
    if not (folder / RAYTRAIN).is_file():
        return "full", pretrained
    recorded = read_as(folder / RAYTRAIN, _Recorded)
    return recorded.window.window, recorded.source


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
