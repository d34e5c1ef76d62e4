"""One measurement of training and scoring, of either side: a Work in; the clips for it, and what it took, out."""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple, Self

from raytrain.cli import run_door
from raytrain.config.baseline import Window
from raytrain.config.constants import GIB
from raytrain.errors import InputError

_NEW_STEPS = 2
"""Steps at the start in which kernels are loaded and memory is taken for the first time."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What both sides do."""

    model: str
    """A folder of weights."""
    variant: str
    manifest: str
    batch_size: int
    accumulation: int
    steps: int
    scored: int
    """Clips that are scored after training, of other children."""
    precision: Literal["fp32", "bf16", "fp16"]
    threads: int
    device: Literal["cuda", "cpu"]
    repeats: bool = False
    """Where there are too few clips: whether they are trained on again, and as many are scored as there are."""
    compiled: bool = False
    """Whether our model is compiled by torch.compile; the recipe's is not."""
    window: Window = "condensed"
    """The audio window that ours trains on and scores at; the recipe has the full one."""

    @property
    def effective_batch_size(self) -> int:
        return self.batch_size * self.accumulation


@dataclass(frozen=True)
class Clips:
    """The clips of a Work: both sides train on the same, and score the same."""

    corpus: Any
    """A prepared corpus."""
    train: list[int]
    scored: list[int]

    @classmethod
    def of(cls, work: Work) -> Self:
        """A fifth of the children is scored; InputError where there are too few clips."""
        from raytrain.speech.corpus import prepare

        corpus = prepare(Path(work.manifest))
        children = sorted(set(corpus.child_ids))
        held_out = set(children[: max(1, len(children) // 5)])
        wanted = work.effective_batch_size * work.steps
        train = [index for index, child in enumerate(corpus.child_ids) if child not in held_out]
        scored = [index for index, child in enumerate(corpus.child_ids) if child in held_out]
        if work.repeats:  # in whole steps
            wanted = min(wanted, work.effective_batch_size * max(1, len(train) // work.effective_batch_size))
        if len(train) < wanted or len(scored) < (1 if work.repeats else work.scored):
            raise InputError(
                f"{work.manifest}: {len(train)} clips to train on and {len(scored)} of other children to score; "
                f"{wanted} and {work.scored} are wanted: give more, or fewer steps and scored clips"
            )
        return cls(corpus, train[:wanted], scored[: work.scored])


class Clock:
    """Wall and CPU seconds of a block, this process's threads all counted, and when each of its steps was done."""

    def __init__(self) -> None:
        self._ends_s: list[float] = []

    def step_done(self) -> None:
        """Note the end of an optimizer step."""
        _wait_for_the_gpu()
        self._ends_s.append(time.perf_counter())

    @property
    def steady_step_s(self) -> float | None:
        """The median of steps, what comes between them included, after the two in which all is new; None where there
        are no more."""
        each = [end - start for start, end in pairwise(self._ends_s[_NEW_STEPS - 1 :])]
        return median(each) if each else None

    def __enter__(self) -> Self:
        self.wall_s, self.cpu_s = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        _wait_for_the_gpu()
        self.wall_s, self.cpu_s = time.perf_counter() - self.wall_s, time.process_time() - self.cpu_s


def _wait_for_the_gpu() -> None:
    import torch

    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one side took."""

    train_s: float
    train_cpu_s: float
    train_clips_per_s: float
    """A CPU second on a CPU, a second on a GPU."""
    eval_s: float
    eval_cpu_s: float
    eval_clips_per_s: float
    memory_gib: float
    """The most that training took: resident in all on a CPU, allocated on a GPU."""
    wer: float
    padding_share: float
    """Of the windows' frames those that are no clip's; what is heard of condensed silence after them is not counted."""
    steady_steps_per_s: float | None
    """Optimizer steps a second once all has been done before; None where there were too few."""
    model_tflops: float | None
    """TFLOP/s of these steps, by what the model has to compute once: what is recomputed does not count."""
    data_wait_share: float | None
    """Of the seconds of training those in which nothing was done but to wait for data; None where it is not known."""
    reserved_gib: float | None
    """The most that the allocator reserved on a GPU."""

    @classmethod
    def of(
        cls,
        work: Work,
        clips: Clips,
        training: Clock,
        scoring: Clock,
        *,
        wer: float,
        peaks: "Peaks",
        padding: float,
        flops_per_clip: float,
        data_wait_share: float | None = None,
    ) -> Self:
        """`flops_per_clip` are those of the mean clip in training."""
        counted = "wall_s" if work.device == "cuda" else "cpu_s"
        trained = work.steps * work.effective_batch_size
        step_s, flops_of_a_step = training.steady_step_s, flops_per_clip * work.effective_batch_size
        return cls(
            train_s=round(training.wall_s, 3),
            train_cpu_s=round(training.cpu_s, 3),
            train_clips_per_s=round(trained / getattr(training, counted), 4),
            eval_s=round(scoring.wall_s, 3),
            eval_cpu_s=round(scoring.cpu_s, 3),
            eval_clips_per_s=round(len(clips.scored) / getattr(scoring, counted), 4),
            memory_gib=round(peaks.memory_gib, 3),
            wer=round(wer, 4),
            padding_share=round(padding, 4),
            steady_steps_per_s=None if step_s is None else round(1 / step_s, 4),
            model_tflops=None if step_s is None else round(flops_of_a_step / step_s / 1e12, 4),
            data_wait_share=None if data_wait_share is None else round(data_wait_share, 4),
            reserved_gib=None if peaks.reserved_gib is None else round(peaks.reserved_gib, 3),
        )


class Peaks(NamedTuple):
    """The most memory so far."""

    memory_gib: float
    """Resident in all on a CPU, allocated on a GPU."""
    reserved_gib: float | None
    """Reserved by the allocator of a GPU."""

    @classmethod
    def now(cls, work: Work) -> Self:
        import torch

        if work.device == "cuda":
            return cls(torch.cuda.max_memory_allocated() / GIB, torch.cuda.max_memory_reserved() / GIB)
        return cls(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB, None)


def window_settings(window: Window) -> list[str]:
    """The keys of the shipped baselines' window for this one, with what suits it."""
    suits = [] if window == "condensed" else ["audio.margin_s=0.64", "audio.step_s=0.5"]
    return [f"audio.window={window}", *suits]


def flops_of_a_clip(work: Work, *, window_s: float, label_tokens: float, condensed: bool = False) -> float:
    """Floating-point operations of training on one clip of this window and transcript, each counted once."""
    from raytrain.memory.flops import train_flops_per_clip
    from raytrain.memory.step_shape import StepShape
    from raytrain.whisper.variants import VARIANTS

    shape = StepShape(
        variant=VARIANTS[work.variant],
        batch_size=work.batch_size,
        window_s=window_s,
        label_tokens=max(1, round(label_tokens)),
        condensed=condensed,
    )
    return train_flops_per_clip(shape)


def run_as_child(measure: Callable[[Work, Clips], Told]) -> None:
    """Do the work on the command line and print what was told."""

    def told() -> None:
        import torch

        work = Work(**json.loads(sys.argv[1]))
        torch.set_num_threads(work.threads)
        print(json.dumps(asdict(measure(work, Clips.of(work)))))

    run_door(told)
