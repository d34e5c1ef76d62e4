"""What a worker is told: a resolved baseline and where its inputs lie, as plain values that cross processes."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from raytrain.config.baseline import Baseline
from raytrain.errors import InputError
from raytrain.trial.cluster import Hardware

# On CPU two trials with two threads each take as long as one after the other with four, and twice the memory.
_CPU_THREADS_WORTH_HAVING = 4


@dataclass(frozen=True, kw_only=True)
class Share:
    """The hardware that one worker takes."""

    use_gpu: bool
    gpu_fraction: float
    """Of a card. Where auto decides, a trial is given its own as it is placed."""
    cpus: float
    threads: int
    """Of torch, in one worker."""
    gpu_memory_gib: float | None = None
    """What the fraction comes to on the card it was made for; None where the card's size is unknown."""
    node_ids: tuple[str, ...] = ()
    """Ray's, of the machines with the cards that this fraction was made for; empty where any machine will do."""

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

    config: dict[str, Any]
    """The resolved baseline."""
    inputs: dict[str, Any]
    """The whereabouts of corpora and the recipe of the split, from trial.inputs."""
    storage: str
    """Where Ray Train keeps the run."""
    name: str
    """Of the run in that storage: the same name goes on from its last checkpoint."""
    share: Share
    keep_best: int | None
    """Checkpoints kept, the best by WER, besides the latest; None keeps the latest alone."""
    evaluate_at_examples: list[int] | None = None
    end_at_examples: int | None = None
    score_first: bool = True
    """Score the weights as they come; once is enough for all trials of a study."""
    predicted_memory_gib: float | None = None
    """The peak on a GPU, with all that is not tensors."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        return cls(**{**values, "share": Share(**values["share"])})
