"""Small real things to train: a corpus of tones, a Whisper of 0.5 M parameters, a few optimizer steps over both."""

import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import torch.distributed as dist
from transformers import WhisperConfig, WhisperForConditionalGeneration

from raytrain.config.adapter import Adapter
from raytrain.config.baseline import Baseline
from raytrain.speech.batches import BatchPlan
from raytrain.speech.corpus import Corpus, PreparedCorpus, prepare
from raytrain.training.distributed import world_size
from raytrain.training.feed import Feed, Labels, ahead
from raytrain.training.loop import StepProgress, train
from raytrain.training.optimizer import learning_rate, make_optimizer
from raytrain.training.precision import Precision
from raytrain.whisper import weights
from raytrain.whisper.adapters import attach
from raytrain.whisper.attention import ATTENTION
from raytrain.whisper.labels import decoder_prompt
from raytrain.whisper.tokenizer import byte_level_tokenizer

CPU = torch.device("cpu")
FP32 = Precision("fp32", CPU)
OnTwoWorkers = Callable[..., list[Any]]
"""Does `work(*args)` on both ranks; what it gives on rank 0 and on rank 1."""
SMALL = {"width": 64, "encoder_layers": 2, "decoder_layers": 2, "heads": 2}
PERTURBED = {
    "speed_probability": 0.8, "speed_low": 0.8, "speed_high": 1.2, "pitch_probability": 0.5, "gain_probability": 0.5,
    "noise_probability": 0.5, "babble_probability": 0.5,
}  # fmt: skip
"""An `augmentation` with every change, each to a part of the clips."""
WORDS = ("the", "cat", "ran", "up", "a", "hill", "and", "sat", "down", "there", "to", "look", "at", "seven", "boats")


def small_config(batch_size: int = 4, accumulation: int = 1, **sections: dict[str, Any]) -> Baseline:
    """A baseline of this shape; each keyword is a section whose values replace these."""
    values: dict[str, dict[str, Any]] = {
        "model": {"variant": "tiny", "pretrained": "openai/whisper-tiny.en", "gradient_checkpointing": False},
        "training": {
            "batch_size": batch_size,
            "gradient_accumulation_steps": accumulation,
            "learning_rate": 1e-3,
            "num_epochs": 1,
            "precision": "fp32",
        },
    }
    return Baseline.model_validate(
        {name: values.get(name, {}) | sections.get(name, {}) for name in values.keys() | sections.keys()}
    )


def tone_corpus(folder: Path, *, seconds: list[float]) -> PreparedCorpus:
    """Clips of these lengths, each a tone of its own, with transcripts of very unequal length."""
    random = np.random.default_rng(0)
    clips, texts = [], []
    for number, length in enumerate(seconds):
        time = np.arange(round(length * 16_000)) / 16_000
        clips.append(0.3 * np.sin(2 * np.pi * (200 + 40 * number) * time) + 0.01 * random.standard_normal(len(time)))
        texts.append(" ".join(random.choice(WORDS, 1 + number % 11)))
    return corpus_of(folder, clips, texts)


def corpus_of(folder: Path, clips: Sequence[np.ndarray], texts: Sequence[str]) -> PreparedCorpus:
    """A manifest and its FLAC files, prepared: four children in two age buckets."""
    (folder / "audio").mkdir(parents=True)
    lines = []
    for number, (clip, text) in enumerate(zip(clips, texts, strict=True)):
        soundfile.write(folder / "audio" / f"{number}.flac", clip, 16_000)
        line = {
            "utterance_id": f"u{number:03}",
            "child_id": f"child{number % 4}",
            "audio_path": f"audio/{number}.flac",
            "age_bucket": ("3-4", "5-7")[number % 2],
            "orthographic_text": text,
        }
        lines.append(json.dumps(line))
    manifest = folder / "manifest.jsonl"
    manifest.write_text("\n".join(lines))
    return prepare(manifest, cache=folder / "cache")


def small_whisper(
    *, dropout: float = 0.0, dtype: torch.dtype = torch.float32, adapter: Adapter | None = None
) -> weights.Whisper:
    """Two layers of width 64, random and always the same, that attends as loaded weights do; with an adapter, one that
    has learned."""
    tokenizer = byte_level_tokenizer()
    start = tokenizer.convert_tokens_to_ids("<|startoftranscript|>")
    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        d_model=SMALL["width"],
        encoder_layers=SMALL["encoder_layers"],
        decoder_layers=SMALL["decoder_layers"],
        encoder_attention_heads=SMALL["heads"],
        decoder_attention_heads=SMALL["heads"],
        encoder_ffn_dim=256,
        decoder_ffn_dim=256,
        dropout=dropout,
        decoder_start_token_id=start,
        pad_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    model = WhisperForConditionalGeneration(config).to(dtype)
    model.set_attn_implementation(ATTENTION)
    if adapter is not None:
        attach(model, adapter, seed=0)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.1)
    prompt = tuple(decoder_prompt(tokenizer, small_config().model))
    return weights.Whisper(model=model, tokenizer=tokenizer, prompt=prompt, trained_window="fitted", source=None)


@dataclass
class Trained:
    progress: list[StepProgress]
    updates: dict[str, torch.Tensor]
    """What training added to each parameter tensor."""


def feed(whisper: weights.Whisper, config: Baseline, corpus: Corpus) -> Feed:
    plan = BatchPlan(
        corpus.durations_s,
        effective_batch_size=config.training.effective_batch_size(world_size()),
        seed=config.training.seed,
        audio=config.audio,
        sources=corpus.source_numbers,
        weights=[source.weight for source in config.data.train_sources()],
    )
    labels = Labels(whisper.tokenizer, corpus.texts, config.model)
    return Feed(config, corpus, plan, labels=labels, num_mel_bins=whisper.model.config.num_mel_bins)


def train_steps(whisper: weights.Whisper, config: Baseline, corpus: Corpus, *, steps: int) -> Trained:
    """The first optimizer steps of a run, on as many ranks as there are."""
    before = {name: parameter.detach().clone() for name, parameter in whisper.model.named_parameters()}
    progress = list(
        train(
            whisper,
            ahead(feed(whisper, config, corpus), range(steps), depth=0, device=CPU),
            make_optimizer(whisper.model.named_parameters(), config.training),
            FP32.gradient_scaler(),
            training=config.training,
            precision=FP32,
            learning_rate=lambda step: learning_rate(step, config.training, warmup_steps=0, steps_total=100),
        )
    )
    after = dict(whisper.model.named_parameters())
    return Trained(progress, {name: after[name].detach() - before[name] for name in before})


@contextmanager
def two_workers(folder: Path) -> Iterator[OnTwoWorkers]:
    """Two processes that talk over gloo, started at the first work: to import torch takes longer than most of it."""
    started = multiprocessing.get_context("spawn")
    with ExitStack() as ending:
        ranks = [
            ending.enter_context(ProcessPoolExecutor(1, started, initializer=_join, initargs=(rank, folder / "store")))
            for rank in (0, 1)
        ]

        def on_two_workers(work: Callable[..., Any], *args: Any) -> list[Any]:
            written = [folder / f"rank{rank}.pt" for rank in (0, 1)]
            done = [each.submit(_write, path, work, args) for each, path in zip(ranks, written, strict=True)]
            for one in done:
                one.result()
            return [torch.load(path, weights_only=False) for path in written]

        yield on_two_workers


def _join(rank: int, store: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)


def _write(path: Path, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    torch.save(work(*args), path)


def worst_difference(one: Trained, other: Trained) -> float:
    """Over parameter tensors: the norm of the difference of two updates, relative to the update's own norm."""
    pairs = [(one.updates[name], other.updates[name]) for name in one.updates if one.updates[name].norm() > 0]
    return max(float((mine - theirs).norm() / mine.norm()) for mine, theirs in pairs)


def overall_difference(one: Trained, other: Trained) -> float:
    """The same over all parameters together."""
    mine, theirs = (torch.cat([update.flatten() for update in some.updates.values()]) for some in (one, other))
    return float((mine - theirs).norm() / mine.norm())
