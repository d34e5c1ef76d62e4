"""Whisper as it is commonly fine-tuned today, timed: a Work as JSON on the command line in, one Told as JSON out.

    python -m raytrain.benchmarks.peer '{"model": ..., ...}'

transformers' Seq2SeqTrainer as its Whisper recipe has it: the feature extractor pads every clip to 30 s ahead of time,
labels are padded in a collator, AdamW, and `generate` scores. Nothing is made slower than people have it.
Source: the recipe of "Fine-tune Whisper for multilingual ASR", Hugging Face's blog of 2022, as its followers run it.
"""

import tempfile
from collections.abc import Iterable
from typing import Any

import datasets
import numpy as np
import torch
import transformers
from transformers import (
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    TrainerCallback,
    WhisperForConditionalGeneration,
    WhisperProcessor,
)

from raytrain.benchmarks.work import Clips, Clock, Peaks, Told, Work, flops_of_a_clip, run_as_child
from raytrain.config.constants import FULL_WINDOW_S
from raytrain.results.word_errors import WordErrors
from raytrain.speech.corpus import Corpus
from raytrain.speech.scoring import score

_MOST_TOKENS = 64
_SCORED_AT_ONCE = 16
_SPOKEN = {"language": "en", "task": "transcribe"}
"""Without them the labels train multilingual weights to begin as no English transcript does, and what they then
generate is babble up to the limit."""


def measure(work: Work, clips: Clips) -> Told:
    """Train and score as the recipe does."""
    be_quiet()
    model = load(work.model)
    processor = load_processor(work.model, model)
    training, scoring = Clock(), Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Seq2SeqTrainer(
            model=model,
            args=recipe(
                folder,
                per_device_train_batch_size=work.batch_size,
                gradient_accumulation_steps=work.accumulation,
                max_steps=work.steps,
                use_cpu=work.device == "cpu",
                bf16=work.precision == "bf16",
                fp16=work.precision == "fp16",
            ),
            train_dataset=prepared(processor, clips.corpus, clips.train),
            eval_dataset=prepared(processor, clips.corpus, clips.scored),
            data_collator=Collator(processor, model.config.decoder_start_token_id),
            callbacks=[_Ticks(training)],
        )
        with training:
            trainer.train()
        peaks = Peaks.now(work)
        with scoring:
            predicted = trainer.predict(trainer.eval_dataset).predictions
    wer = wer_of(processor, predicted, [clips.corpus.texts[index] for index in clips.scored])
    padding = 1 - float(clips.corpus.durations_s[clips.train].mean()) / FULL_WINDOW_S
    texts = [clips.corpus.texts[index] for index in clips.train]
    label_tokens = float(np.mean([len(tokens) for tokens in processor.tokenizer(texts).input_ids]))
    flops = flops_of_a_clip(work, window_s=FULL_WINDOW_S, label_tokens=label_tokens)
    return Told.of(work, clips, training, scoring, wer=wer, peaks=peaks, padding=padding, flops_per_clip=flops)


class _Ticks(TrainerCallback):
    """Tells a clock of each optimizer step."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self._clock.step_done()


def be_quiet() -> None:
    """No bars and no warnings of the libraries."""
    transformers.logging.set_verbosity_error()
    datasets.disable_progress_bars()


def load(folder: str) -> Any:
    """A model to train, as the recipe loads it: multilingual weights are told what is spoken."""
    model = WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    model.config.use_cache = False
    if model.generation_config.is_multilingual:
        model.generation_config.language, model.generation_config.task = _SPOKEN.values()
    return model


def load_processor(folder: str, model: Any) -> Any:
    """What prepares sound and text for these weights."""
    spoken = _SPOKEN if model.generation_config.is_multilingual else {}
    return WhisperProcessor.from_pretrained(folder, **spoken)


def recipe(folder: str, *, use_cpu: bool, **asked: Any) -> Seq2SeqTrainingArguments:
    """What the recipe says besides what is asked; nothing is kept in the folder."""
    return Seq2SeqTrainingArguments(
        output_dir=folder,
        learning_rate=1e-5,
        predict_with_generate=True,
        generation_max_length=_MOST_TOKENS,
        per_device_eval_batch_size=_SCORED_AT_ONCE,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        use_cpu=use_cpu,
        disable_tqdm=True,
        **asked,
    )


def prepared(processor: Any, corpus: Corpus, indices: Iterable[int]) -> datasets.Dataset:
    """Features and labels of these clips, made ahead of time and kept in memory."""

    def row(place: dict[str, int]) -> dict[str, Any]:
        sound = corpus.audio(place["index"])
        return {
            "input_features": processor.feature_extractor(sound, sampling_rate=16_000).input_features[0],
            "labels": processor.tokenizer(corpus.texts[place["index"]]).input_ids,
        }

    places = datasets.Dataset.from_list([{"index": index} for index in indices])
    return places.map(row, remove_columns=["index"], keep_in_memory=True, load_from_cache_file=False)


def wer_of(processor: Any, predicted: np.ndarray, texts: list[str]) -> float:
    """The WER of what the trainer predicted, scored as ours is."""
    tokenizer = processor.tokenizer
    tokens = np.where(predicted < 0, tokenizer.pad_token_id, predicted)
    heard = tokenizer.batch_decode(tokens, skip_special_tokens=True)
    return WordErrors.total(score(text, one, "en")[0] for text, one in zip(texts, heard, strict=True)).wer


class Collator:
    """Features as they are, all of 30 s; labels padded with what the loss passes over."""

    def __init__(self, processor: Any, start: int) -> None:
        self._processor, self._start = processor, start

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        features = [{"input_features": row["input_features"]} for row in rows]
        batch: dict[str, torch.Tensor] = self._processor.feature_extractor.pad(features, return_tensors="pt")
        padded = self._processor.tokenizer.pad([{"input_ids": row["labels"]} for row in rows], return_tensors="pt")
        labels = padded["input_ids"].masked_fill(padded.attention_mask.ne(1), -100)
        # The start of text is put before them again by the model.
        batch["labels"] = labels[:, 1:] if bool((labels[:, 0] == self._start).all()) else labels
        return batch


if __name__ == "__main__":
    run_as_child(measure)
