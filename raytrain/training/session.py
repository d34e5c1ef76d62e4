"""One run: a resolved baseline, a corpus and its split in; a report after every evaluation, and checkpoints, out.

It knows no Ray: whoever calls it decides where reports go, and sets up torch.distributed if there are several workers.
"""

import contextlib
import gc
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from raytrain.config.baseline import Baseline
from raytrain.config.random_streams import RandomStream
from raytrain.results.records import Outcome, Row
from raytrain.results.wording import duration_text
from raytrain.speech.batches import BatchPlan
from raytrain.speech.corpus import Corpus
from raytrain.speech.split import Split
from raytrain.training import precision as precisions
from raytrain.training.checkpoint import load_checkpoint, save_checkpoint
from raytrain.training.distributed import OutOfMemory, rank, run_on_all_or_none, world_size
from raytrain.training.evaluation import evaluate
from raytrain.training.feed import Feed, Labels, StepData, ahead
from raytrain.training.loop import Diverged, StepProgress, train
from raytrain.training.milestones import milestones
from raytrain.training.optimizer import learning_rate, make_optimizer
from raytrain.training.peaks import MemoryMeter
from raytrain.training.probe import probe_memory
from raytrain.training.rows import Rows
from raytrain.whisper import weights

Report = Callable[[Row, Path | None], None]
"""Called with a row, and with the folder of its checkpoint where this rank has written one."""
Watch = Callable[[str, int, int], None]
"""Called before each scoring and after each step with what is being done, the utterances trained on and their total."""

log = logging.getLogger("raytrain")

_STEPS_AHEAD_OF_A_GPU = 2
_LOG_EVERY_S = 10.0


def run(
    config: Baseline,
    *,
    corpus: Corpus,
    split: Split,
    report: Report,
    workdir: Path,
    resume_from: Path | None = None,
    evaluate_at_examples: Sequence[int] | None = None,
    end_at_examples: int | None = None,
    score_first: bool = True,
    device: str | torch.device | None = None,
    validation_corpus: Corpus | None = None,
    predicted_memory_gib: float | None = None,
    probe: bool | None = None,
    scored_seed: int | None = None,
    watch: Watch | None = None,
) -> None:
    """Train and score; call `report(row, checkpoint)` on every rank after every evaluation, the last row `finished`.

    The checkpoint is a folder on rank 0, which writes it, and None elsewhere. `evaluate_at_examples` are a study's
    rungs: the run is scored and kept after the first step that reaches each. `end_at_examples` is a study's budget, to
    which the schedule is shortened. `split.validation` points into `validation_corpus` where one is given.
    `scored_seed` draws the utterances that are scored where not all are; without it the training's own seed does.

    Divergence and lack of memory are outcomes and end in a last row; every other exception is raised. Lack of memory
    shows at once: on a GPU, or where `probe` says so, the largest batches are tried before the first step.
    """
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    session = _Session(
        config,
        corpus,
        split,
        report=report,
        workdir=workdir,
        resume_from=resume_from,
        evaluate_at_examples=evaluate_at_examples,
        end_at_examples=end_at_examples,
        device=device,
        scored_corpus=validation_corpus or corpus,
        scored_seed=config.training.seed if scored_seed is None else scored_seed,
        watch=watch,
    )
    try:
        session.train_and_score(score_first=score_first, probe=device.type == "cuda" if probe is None else probe)
        return
    except Diverged as error:
        session.rows.finished(Outcome.DIVERGED, str(error))
    except OutOfMemory as error:
        predicted = f"; predicted {predicted_memory_gib:.2f} GiB in all" if predicted_memory_gib is not None else ""
        session.rows.finished(Outcome.OUT_OF_MEMORY, f"{error}{predicted}")
    # Here the traceback no longer holds the tensors, and the memory can serve another run in this process.
    row = session.rows.last
    del session
    gc.collect()
    torch.cuda.empty_cache()
    report(row, None)


class _Session:
    """The state of one run."""

    def __init__(
        self,
        config: Baseline,
        corpus: Corpus,
        split: Split,
        *,
        report: Report,
        workdir: Path,
        resume_from: Path | None,
        evaluate_at_examples: Sequence[int] | None,
        end_at_examples: int | None,
        device: torch.device,
        scored_corpus: Corpus,
        scored_seed: int,
        watch: Watch | None,
    ) -> None:
        training = config.training
        self.config, self.report, self.workdir, self.watch = config, report, workdir, watch
        self.memory = MemoryMeter(device)
        self.precision = precisions.resolve(training.precision, device=device)
        self.resumed = None if resume_from is None else load_checkpoint(resume_from)
        pretrained = config.model.pretrained if resume_from is None else str(resume_from)
        self.whisper = weights.load(config.model.model_copy(update={"pretrained": pretrained}), seed=training.seed)
        labels = Labels(self.whisper.tokenizer, corpus.texts, config.model)
        trainable = labels.fitting(split.train, max_label_tokens=config.data.max_label_tokens)
        self.plan = BatchPlan(
            corpus.durations_s,
            indices=trainable,
            effective_batch_size=training.effective_batch_size(world_size()),
            seed=training.seed,
            audio=config.audio,
        )
        self.feed = Feed(config, corpus, self.plan, labels=labels, num_mel_bins=self.whisper.model.config.num_mel_bins)
        self.milestones = milestones(
            config, self.plan, evaluate_at_examples=evaluate_at_examples, end_at_examples=end_at_examples
        )
        self.scored_corpus = scored_corpus
        self.scored = _drawn(split.validation, config.evaluation.max_utterances, seed=scored_seed)
        self.rows = Rows(
            replace(
                Row() if self.resumed is None else self.resumed.row,
                precision_used=self.precision.name,
                steps_total=self.milestones.steps_total,
                warmup_steps_used=self.milestones.warmup_steps,
            ),
            memory=self.memory,
        )
        _say(self.precision.note)
        _say(_left_out(len(split.train) - len(trainable), f"labels over {config.data.max_label_tokens} tokens"))
        _say(_left_out(len(self.plan.left_out), f"clips over {config.audio.max_window_s:g} s"))

    def train_and_score(self, *, score_first: bool, probe: bool) -> None:
        """The run, from its start or from where it had come to, to its last row."""
        steps_done = self.resumed.step if self.resumed is not None else 0
        if self._is_over(steps_done):  # killed after its last checkpoint, before anybody heard of it
            self.rows.finished(Outcome.COMPLETED)
            self.report(self.rows.last, None)
            return
        run_on_all_or_none(self._move_to_device, doing="loading the weights", device=self.precision.device)
        if probe:
            probe_memory(
                self.whisper,
                self.optimizer,
                self.feed.largest(),
                corpus=self.scored_corpus,
                scored=self.scored,
                config=self.config,
                precision=self.precision,
                memory=self.memory,
            )
        if score_first and steps_done == 0:
            # Weights as published babble in any window but the one they were trained for.
            self._score(window=self.whisper.trained_window)
            self.report(self.rows.last, None)
        feed = ahead(
            self.feed,
            range(steps_done, self.milestones.steps_total),
            depth=_STEPS_AHEAD_OF_A_GPU if self.precision.device.type == "cuda" else 0,
            device=self.precision.device,
        )
        logged = time.monotonic()
        with contextlib.closing(feed):
            for progress in self._train(feed):
                examples_seen = self.plan.examples_after(progress.step)
                self.rows.add(progress, examples_seen=examples_seen, epoch=examples_seen / len(self.plan.indices))
                self._show("training")
                if time.monotonic() - logged >= _LOG_EVERY_S:
                    logged = time.monotonic()
                    self._say_progress(progress.train_loss)
                if self.milestones.is_scored(progress.step):
                    self._score(window=self.config.audio.window)
                    if self._is_over(progress.step):
                        self.rows.finished(Outcome.COMPLETED)
                    self.report(self.rows.last, self._keep(progress.step))
                    if self.rows.last.finished:
                        return

    def _move_to_device(self) -> None:
        self.whisper.model.to(self.precision.device)
        self.optimizer = make_optimizer(self.whisper.model.named_parameters(), self.config.training)
        self.scaler = self.precision.gradient_scaler()
        if self.resumed is not None:
            self.resumed.restore(self.optimizer, self.scaler)
            self.resumed = None  # on a GPU that was a second copy of the moments

    def _train(self, steps: Iterator[StepData]) -> Iterator[StepProgress]:
        return train(
            self.whisper,
            steps,
            self.optimizer,
            self.scaler,
            training=self.config.training,
            precision=self.precision,
            learning_rate=partial(
                learning_rate,
                training=self.config.training,
                warmup_steps=self.milestones.warmup_steps,
                steps_total=self.milestones.steps_total,
            ),
        )

    def _score(self, *, window: Literal["full", "fitted"]) -> None:
        self._show("scoring")
        started = time.perf_counter()
        with self.memory.phase("evaluate"):
            evaluated = evaluate(
                self.whisper,
                self.scored_corpus,
                self.scored,
                audio=self.config.audio,
                evaluation=self.config.evaluation,
                window=window,
                precision=self.precision,
            )
        self.utterances = evaluated.utterances
        self.rows.scored(evaluated, seconds=time.perf_counter() - started)
        row = self.rows.last
        _say(f"step {row.step}/{row.steps_total}: WER {row.eval_wer:.4f} in {row.eval_s:.1f} s")

    def _is_over(self, step: int) -> bool:
        return step >= self.milestones.steps_total or self.rows.evaluations_without_improvement() >= (
            self.config.training.early_stopping_patience or math.inf
        )

    def _keep(self, step: int) -> Path | None:
        """Write the checkpoint, if this step has one and this is the rank that writes; its folder."""
        if rank() != 0 or not (self.milestones.is_kept(step) or self.rows.last.finished):
            return None
        return save_checkpoint(
            self.workdir / f"step-{step:06}",
            self.whisper,
            self.optimizer,
            self.scaler,
            step=step,
            row=self.rows.last,
            audio=self.config.audio,
            utterances=self.utterances,
        )

    def _show(self, phase: str) -> None:
        if self.watch is not None:
            self.watch(phase, self.rows.last.examples_seen, self.plan.examples_after(self.milestones.steps_total))

    def _say_progress(self, loss: float) -> None:
        row = self.rows.last
        rate = row.train_examples_per_s or math.inf
        left_s = (self.plan.examples_after(row.steps_total) - row.examples_seen) / rate
        _say(
            f"step {row.step}/{row.steps_total}: loss {loss:.3f}, {rate:.1f} clips/s, "
            f"{duration_text(left_s)} of training left"
        )


def _drawn(indices: np.ndarray, most: int | None, *, seed: int) -> np.ndarray:
    """The utterances that every evaluation of this run scores, `most` of them at random where there are more."""
    if most is None or most >= len(indices):
        return indices
    return np.sort(np.random.default_rng([seed, RandomStream.SCORED]).choice(indices, size=most, replace=False))


def _left_out(number: int, why: str) -> str | None:
    return f"left out of training: {number} utterances, {why}" if number else None


def _say(line: str | None) -> None:
    if line is not None and rank() == 0:
        log.info(line)
