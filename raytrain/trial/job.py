"""What is run: a Trial, and the Job that its worker reads. Frozen values that cross from the proposal to the record."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from raytrain.config.baseline import Baseline
from raytrain.errors import InputError
from raytrain.trial.hardware import Hardware
from raytrain.trial.inputs import Whereabouts
from raytrain.trial.stock import Stock

# On CPU two trials with two threads each take as long as one after the other with four, and twice the memory.
_CPU_THREADS_WORTH_HAVING = 4


@dataclass(frozen=True, kw_only=True)
class Share:
    """The hardware that one worker takes."""

    use_gpu: bool
    gpu_fraction: float
    """The share of a card. Where auto decides, a trial is given its own as it is placed."""
    cpus: float
    """CPU cores, as Ray counts them."""
    threads: int
    """Torch's threads in one worker."""
    gpu_share_gib: float | None = None
    """What the fraction comes to on the card it was made for; None where the card's size is unknown."""
    node_ids: tuple[str, ...] = ()
    """Ray's node ids of the machines with the cards that this fraction was made for; empty where any will do."""

    @classmethod
    def of(
        cls, config: Baseline, hardware: Hardware, *, max_concurrent: int = 1, gpu_fraction: float = 1.0
    ) -> tuple[Self, int]:
        """A worker's share, and how many trials run at once: never more than start without waiting for each other.

        `gpu_fraction` is what auto comes to; without one it is a whole card.
        """
        scaling = config.scaling
        workers = scaling.num_workers
        use_gpu = hardware.gpus > 0 if scaling.use_gpu == "auto" else scaling.use_gpu
        if use_gpu and not hardware.gpus:
            raise InputError("scaling.use_gpu: true, and the cluster has no GPU; set it to auto to train on the CPU")
        if not use_gpu and (fault := config.needs_cuda()):
            raise InputError(fault)
        fraction = gpu_fraction if scaling.gpu_fraction == "auto" else scaling.gpu_fraction
        # More than there is would wait for ever.
        most_on_a_node = max(node.cpus for node in hardware.nodes)
        cpus = min(scaling.cpus_per_worker, most_on_a_node, hardware.cpus // workers or hardware.cpus / workers)
        at_once = min(max_concurrent, int(hardware.cpus / (workers * cpus)))
        if use_gpu:
            # 1/3 written as 0.333 fits three times, 0.34 twice: Ray counts in ten-thousandths.
            places = hardware.gpus * int(1 / fraction + 1e-4)
            if places < workers:
                raise InputError(
                    f"scaling.num_workers: {workers} workers at {fraction:g} of a GPU each, and the cluster has room "
                    f"for {places}; lower scaling.num_workers or scaling.gpu_fraction"
                )
            at_once = min(at_once, places // workers)
        else:
            at_once = min(at_once, max(1, hardware.cpus // (workers * _CPU_THREADS_WORTH_HAVING)))
        at_once = max(1, at_once)
        threads = max(1, hardware.cpus // (at_once * workers))
        return cls(use_gpu=use_gpu, gpu_fraction=fraction, cpus=cpus, threads=threads), at_once


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of the training session, whole: a worker reads nothing else."""

    config: Baseline
    """The resolved baseline that is trained."""
    whereabouts: Whereabouts
    """Where the corpora lie, and how they are split."""
    storage: str
    """The folder in which Ray Train keeps the run."""
    name: str
    """The run's name in that storage: a run of the same name goes on from its last checkpoint."""
    share: Share
    keep_best: int | None
    """Checkpoints kept, the best by WER, besides the latest; None keeps the latest alone."""
    evaluate_at_examples: tuple[int, ...] | None = None
    """A study's rungs, in examples seen; None: the configuration's own evaluation.every_steps."""
    end_at_examples: int | None = None
    """A study's budget, in examples seen; None: the configuration's own length."""
    score_first: bool = True
    """Score the weights as they come; once is enough for all trials of a study."""
    predicted_memory_gib: float | None = None
    """The predicted peak on a GPU, with all that is not tensors."""
    remote: str | None = None
    """The place on S3 that Ray Train keeps the run in, below which it has its name; None: the folder `storage`."""
    stock: Stock | None = None
    """Corpora and weights in the storage, for nodes that do not see the driver's; None where all of them do."""
    may_move: bool = False
    """Whether machines may be taken away while it runs: it then saves where it stands, and goes on elsewhere."""
    nursery: Path | None = None
    """The socket at which a worker on the study's machine has its training forked; None: it trains itself."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial from its proposal to its record."""

    number: int
    sample: dict[str, Any]
    """The values drawn, by dotted key; empty for the baseline as it is."""
    config: Baseline
    """The whole resolved baseline that the trial stands for."""
    job: Job
    """What is run: of a probe a few steps of that, else all."""
    repeats: str | None = None
    """The trial_id of the finalist that this one trains again with another seed."""
    probes: str | None = None
    """The trial_id of the trial that has trained the same, split otherwise: this one only measures memory and speed."""

    @property
    def trial_id(self) -> str:
        """The trial's name in the ledger and in Ray's storage, the same after every restart."""
        return self.job.name

    def placed(self, share: Share) -> Self:
        """The same trial with the share of the hardware that is now its own."""
        return replace(self, job=replace(self.job, share=share))

    def moving(self, may_move: bool) -> Self:
        """The same trial, on machines that may be taken away."""
        return replace(self, job=replace(self.job, may_move=may_move))

    def forked_at(self, nursery: Path | None) -> Self:
        """The same trial, trained in a fork of this nursery where it trains alone and on a CPU."""
        alone = self.config.scaling.num_workers == 1 and not self.job.share.use_gpu
        return replace(self, job=replace(self.job, nursery=nursery)) if alone else self
