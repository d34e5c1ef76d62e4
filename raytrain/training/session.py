"""One run: a resolved baseline, a corpus and its split in; a report after every evaluation, and checkpoints, out.

It knows no Ray: whoever calls it decides where reports go, and sets up torch.distributed if there are several workers.
"""

import contextlib
import gc
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import torch

from raytrain.config.baseline import Baseline, Window
from raytrain.results.records import Outcome, Row
from raytrain.results.transcripts import Scored
from raytrain.results.wording import duration_text
from raytrain.speech.batches import BatchPlan
from raytrain.speech.corpus import Corpus
from raytrain.speech.split import Split
from raytrain.training import precision as precisions
from raytrain.training.checkpoint import load_checkpoint, save_checkpoint
from raytrain.training.distributed import OutOfMemory, max_over_ranks, rank, run_on_all_or_none, world_size
from raytrain.training.feed import Feed, Labels, StepData, ahead
from raytrain.training.loop import Diverged, StepProgress, train
from raytrain.training.milestones import Milestones
from raytrain.training.optimizer import learning_rate, make_optimizer
from raytrain.training.peaks import MemoryMeter
from raytrain.training.perturb import spare_threads
from raytrain.training.probe import probe_training
from raytrain.training.rows import Rows
from raytrain.training.scoring import Scoring
from raytrain.whisper import weights

Report = Callable[[Row, Path | None], None]
"""Called with a row, and with the folder of its checkpoint where this rank has written one."""
Watch = Callable[[str, int, int], None]
"""Called before each scoring and after each step with what is being done, the utterances trained on and their total."""

log = logging.getLogger("raytrain")


_STEPS_AHEAD_OF_A_GPU = 2
_LOG_EVERY_S = 10.0
_WAIT_WORTH_SAYING = 0.05


_GOES_ON, _SAVES, _STOPS = 0, 1, 2
"""What is done after a step, besides what is due there."""


class _Stopped(Exception):
    """The run was asked to stop, and has saved what is to be saved."""


@dataclass(eq=False)
class Session:
    """One run, which `run` trains and scores."""

    config: Baseline
    _: KW_ONLY
    corpus: Corpus
    split: Split
    """Its `validation` points into `validation_corpus` where one is given."""
    report: Report
    workdir: Path
    """The folder in which checkpoints are written."""
    resume_from: Path | None = None
    """The checkpoint to go on from."""
    evaluate_at_examples: Sequence[int] | None = None
    """A study's rungs: the run is scored and kept after the first step that reaches each."""
    end_at_examples: int | None = None
    """A study's budget, to which the schedule is shortened."""
    score_first: bool = True
    """Whether the weights are scored as they come."""
    device: str | torch.device | None = None
    """A GPU where there is one, if not given."""
    validation_corpus: Corpus | None = None
    also: Mapping[str, Corpus] = field(default_factory=dict)
    """Further sets, by name, that are scored where the weights are scored as they come and where the run ends."""
    predicted_memory_gib: float | None = None
    probe: bool | None = None
    """Whether the largest batches are tried before the first step; on a GPU they are, if not given."""
    scored_seed: int | None = None
    """Draws the utterances that are scored where not all are; without it the training's own seed does."""
    watch: Watch | None = None
    is_asked_to_stop: Callable[[], bool] = lambda: False
    """Whether the run is to save where it stands and stop; rank 0 is asked after each step and, where it is alone,
    before each batch that is scored."""

    def __post_init__(self) -> None:
        config, training = self.config, self.config.training
        device = torch.device(self.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._memory = MemoryMeter(device)
        self._precision = precisions.resolve(training.precision, device=device)
        self._resumed = None if self.resume_from is None else load_checkpoint(self.resume_from)
        pretrained = config.model.pretrained if self.resume_from is None else str(self.resume_from)
        self._whisper = weights.load(config.model.model_copy(update={"pretrained": pretrained}), seed=training.seed)
        labels = Labels(self._whisper.tokenizer, self.corpus.texts, config.model)
        trainable = labels.fitting(self.split.train, max_label_tokens=config.data.max_label_tokens)
        self._plan = BatchPlan(
            self.corpus.durations_s,
            indices=trainable,
            effective_batch_size=training.effective_batch_size(world_size()),
            seed=training.seed,
            audio=config.audio,
            sources=self.corpus.source_numbers,
            weights=[source.weight for source in config.data.train_sources()],
        )
        num_mel_bins = self._whisper.model.config.num_mel_bins
        self._feed = Feed(
            config,
            self.corpus,
            self._plan,
            labels=labels,
            num_mel_bins=num_mel_bins,
            threads=spare_threads() if device.type == "cuda" else 0,
            mels_on_device=device.type == "cuda",
        )
        self._milestones = Milestones(
            config,
            self._plan,
            evaluate_at_examples=self.evaluate_at_examples,
            end_at_examples=self.end_at_examples,
        )
        self._scoring = Scoring(
            self._whisper,
            config=config,
            corpus=self.validation_corpus or self.corpus,
            validation=self.split.validation,
            also=self.also,
            seed=training.seed if self.scored_seed is None else self.scored_seed,
            precision=self._precision,
            memory=self._memory,
            before_batch=self._before_batch,
        )
        self._rows = Rows(
            replace(
                Row() if self._resumed is None else self._resumed.row,
                precision_used=self._precision.name,
                steps_total=self._milestones.steps_total,
                warmup_steps_used=self._milestones.warmup_steps,
            ),
            memory=self._memory,
            since_scored=None if self._resumed is None else self._resumed.since_scored,
        )
        _say(self._precision.note)
        _say(_left_out(len(self.split.train) - len(trainable), f"labels over {config.data.max_label_tokens} tokens"))
        _say(_left_out(len(self._plan.left_out), f"clips over {config.audio.max_window_s:g} s"))

    def run(self) -> bool:
        """Train and score, from the start or from where the run had come to; report on every rank after every
        evaluation, the last row `finished`; a trial that goes on first says once more what it had come to. A session
        runs once. Whether it came to its end: where it was asked to stop, the last report holds a checkpoint of the
        last step, whose weights need not have been scored.

        Divergence and lack of memory are outcomes and end in a last row; every other exception is raised. Lack of
        memory shows at once where the largest batches are tried first.
        """
        try:
            self._train_and_score()
            return True
        except _Stopped:
            return False
        except Diverged as error:
            self._rows.finished(Outcome.DIVERGED, str(error))
        except OutOfMemory as error:
            gib = self.predicted_memory_gib
            predicted = f"; predicted {gib:.2f} GiB in all" if gib is not None else ""
            self._rows.finished(Outcome.OUT_OF_MEMORY, f"{error}{predicted}")
        # Here the traceback no longer holds the tensors, and the memory can serve another run in this process.
        report, row = self.report, self._rows.last
        vars(self).clear()
        gc.collect()
        torch.cuda.empty_cache()
        report(row, None)
        return True

    def _train_and_score(self) -> None:
        device, steps_done = self._precision.device, self._resumed.step if self._resumed is not None else 0
        is_over = self._is_over(steps_done)
        if self._rows.is_scored and (is_over or self.evaluate_at_examples is not None):
            # Perhaps killed before anybody heard of it, or before the scheduler's word on it was carried out.
            if is_over:
                self._rows.finished(Outcome.COMPLETED)
            self.report(self._rows.last, None)
            if is_over:
                return
        run_on_all_or_none(self._move_to_device, doing="loading the weights", device=device)
        if device.type == "cuda" if self.probe is None else self.probe:
            self._probe()
        if self.score_first and steps_done == 0:
            # Weights as published babble in any window but the one they were trained for.
            self._score(self._whisper.trained_window)
            self.report(self._rows.last, None)
        elif (
            steps_done and self._milestones.is_scored(steps_done) and not self._rows.is_scored
        ):  # stopped before it could be
            self._score_and_keep(steps_done, kept=steps_done)
            if self._rows.last.finished:
                return
        feed = ahead(
            self._feed,
            range(steps_done, self._milestones.steps_total),
            depth=_STEPS_AHEAD_OF_A_GPU if device.type == "cuda" else 0,
            device=device,
        )
        logged = self._saved_s = time.monotonic()
        with contextlib.closing(feed):
            for progress in self._train(feed):
                examples_seen = self._plan.examples_after(progress.step)
                self._rows.add(
                    progress, examples_seen=examples_seen, epoch=examples_seen / self._plan.examples_per_epoch
                )
                self._show("training")
                if time.monotonic() - logged >= _LOG_EVERY_S:
                    logged = time.monotonic()
                    self._say_progress(progress.train_loss)
                wish = self._wish() if rank() == 0 else _GOES_ON
                wish = int(max_over_ranks([wish], device=device)[0])  # all of them report, or none
                if wish == _STOPS:
                    self._stop_at(progress.step)
                if self._milestones.is_scored(progress.step):
                    self._score_and_keep(progress.step)
                    if self._rows.last.finished:
                        return
                elif wish == _SAVES:
                    self._save_between(progress.step)

    def _score_and_keep(self, step: int, *, kept: int = 0) -> None:
        """`kept` is the step whose checkpoint this run goes on from."""
        try:
            self._score(self.config.audio.window)
        except _Stopped:
            if step != kept:
                self._stop_at(step)
            raise
        if self._is_over(step):
            self._rows.finished(Outcome.COMPLETED)
        self.report(self._rows.last, self._keep(step))

    def _wish(self) -> int:
        if self.is_asked_to_stop():
            return _STOPS
        minutes = self.config.training.save_every_minutes
        is_time = minutes is not None and time.monotonic() - self._saved_s >= 60 * minutes
        return _SAVES if is_time else _GOES_ON

    def _stop_at(self, step: int) -> NoReturn:
        """Scoring may take longer than there is."""
        self._save_between(step)
        raise _Stopped

    def _save_between(self, step: int) -> None:
        """Save what was trained, unscored."""
        checkpoint = self._save(step, utterances=[], since_scored=self._rows.since_scored()) if rank() == 0 else None
        self.report(replace(self._rows.last, eval_wer=None, eval_cer=None), checkpoint)

    def _before_batch(self) -> None:
        self._show("scoring")
        if world_size() == 1 and self.is_asked_to_stop():  # several would wait for the one that stops
            raise _Stopped

    def _move_to_device(self) -> None:
        self._whisper.model.to(self._precision.device)
        self._optimizer = make_optimizer(self._whisper.model.named_parameters(), self.config.training)
        self._scaler = self._precision.gradient_scaler()
        if self._resumed is not None:
            self._resumed.restore(self._optimizer, self._scaler)
            self._resumed = None  # on a GPU that was a second copy of the moments

    def _probe(self) -> None:
        """Try the largest batches of training, then of scoring. The peaks stay in what the run measures: it has to have
        room for them, also when it is stopped early."""
        moments = self.config.training.moments()
        probe_training(self._whisper, self._optimizer, self._feed.largest(), moments=moments, precision=self._precision)
        self._scoring.try_largest(self.config.audio.window)

    def _train(self, steps: Iterator[StepData]) -> Iterator[StepProgress]:
        return train(
            self._whisper,
            steps,
            self._optimizer,
            self._scaler,
            training=self.config.training,
            precision=self._precision,
            learning_rate=partial(
                learning_rate,
                training=self.config.training,
                warmup_steps=self._milestones.warmup_steps,
                steps_total=self._milestones.steps_total,
            ),
        )

    def _score(self, window: Window) -> None:
        self._show("scoring")
        started = time.perf_counter()
        evaluated = self._scoring.score(window)
        seconds = time.perf_counter() - started
        step, wer = self._rows.last.step, evaluated.word_errors.wer
        # Entered with the evaluation itself: a run that is stopped in between scores all of it again.
        ends = step == 0 or self._is_over(step, next_wer=wer)
        also = self._scoring.wers_elsewhere(window) if ends else {}
        self._utterances = evaluated.utterances
        self._rows.scored(evaluated, seconds=seconds, also=also)
        row = self._rows.last
        babbled = f", {evaluated.babbled} clips babbled and were cut" if evaluated.babbled else ""
        rate = self.config.model.rate()
        elsewhere = "".join(f", {name} {wer:.4f}" for name, wer in also.items())
        _say(f"step {row.step}/{row.steps_total}: {rate} {row.eval_wer:.4f}{elsewhere} in {row.eval_s:.1f} s{babbled}")

    def _is_over(self, step: int, *, next_wer: float | None = None) -> bool:
        """Whether the run ends at this step; with the WER of an evaluation that is not entered yet."""
        patience = self.config.training.early_stopping_patience or math.inf
        return step >= self._milestones.steps_total or self._rows.evaluations_without_improvement(next_wer) >= patience

    def _keep(self, step: int) -> Path | None:
        """Write the checkpoint, if this step has one and this is the rank that writes; its folder."""
        if rank() != 0 or not (self._milestones.is_kept(step) or self._rows.last.finished):
            return None
        return self._save(step, utterances=self._utterances)

    def _save(self, step: int, *, utterances: Sequence[Scored], since_scored: dict[str, float] | None = None) -> Path:
        self._saved_s = time.monotonic()
        return save_checkpoint(
            # Another name: the run that goes on scores this very step, and Ray then removes this checkpoint.
            self.workdir / f"step-{step:06}{'' if since_scored is None else '-unscored'}",
            self._whisper,
            self._optimizer,
            self._scaler,
            step=step,
            row=self._rows.last,
            audio=self.config.audio,
            utterances=utterances,
            since_scored=since_scored,
        )

    def _show(self, phase: str) -> None:
        if self.watch is not None:
            self.watch(phase, self._rows.last.examples_seen, self._plan.examples_after(self._milestones.steps_total))

    def _say_progress(self, loss: float) -> None:
        row = self._rows.last
        rate = row.train_examples_per_s or math.inf
        left_s = (self._plan.examples_after(row.steps_total) - row.examples_seen) / rate
        share = row.data_wait_share or 0.0
        waited = f", {share:.0%} of the time waiting for data" if share > _WAIT_WORTH_SAYING else ""
        _say(
            f"step {row.step}/{row.steps_total}: loss {loss:.3f}, {rate:.1f} clips/s{waited}, "
            f"{duration_text(left_s)} of training left"
        )


def _left_out(number: int, why: str) -> str | None:
    return f"left out of training: {number} utterances, {why}" if number else None


def _say(line: str | None) -> None:
    if line is not None and rank() == 0:
        log.info(line)
