"""When a run is scored, kept and over: functions of the step alone, the same after a resume."""

from collections.abc import Sequence
from dataclasses import dataclass

from raytrain.config.baseline import Baseline
from raytrain.config.derived import total_steps, warmup_steps
from raytrain.speech.batches import BatchPlan


@dataclass(frozen=True, slots=True)
class Milestones:
    """The steps of a run at which something is due. Steps count from 1: step k is asked about when k steps are done."""

    steps_total: int
    """Steps at whose end the run is over."""
    warmup_steps: int
    """Steps in which the learning rate rises."""
    rung_steps: frozenset[int] | None
    """The first steps that reach a study's rungs; None outside a study."""
    every_steps: int
    """Steps from one evaluation to the next, outside a study."""
    checkpoint_every_steps: int
    """Steps from one checkpoint to the next, outside a study."""

    def is_scored(self, step: int) -> bool:
        """Whether this step is followed by an evaluation: the last one is, and every one with a checkpoint, since a
        checkpoint without its WER could not be compared with the others."""
        if step == self.steps_total or self.is_kept(step):
            return True
        return self.rung_steps is None and step % self.every_steps == 0

    def is_kept(self, step: int) -> bool:
        """Whether this step leaves a checkpoint. In a study each rung does: there the scheduler may stop a trial, or a
        machine be lost."""
        if step == self.steps_total:
            return True
        return step in self.rung_steps if self.rung_steps is not None else step % self.checkpoint_every_steps == 0


def milestones(
    config: Baseline, plan: BatchPlan, *, evaluate_at_examples: Sequence[int] | None, end_at_examples: int | None
) -> Milestones:
    """The milestones of a run. A budget shortens the run together with its schedule: at its end the learning rate has
    come down."""
    steps = total_steps(
        config.training, train_utterances=len(plan.indices), effective_batch_size=plan.effective_batch_size
    )
    if end_at_examples is not None:
        steps = min(steps, plan.steps_for(end_at_examples))
    rungs = None if evaluate_at_examples is None else frozenset(plan.steps_for(rung) for rung in evaluate_at_examples)
    return Milestones(
        steps_total=steps,
        warmup_steps=warmup_steps(config.training, steps=steps),
        rung_steps=rungs,
        every_steps=config.evaluation.every_steps,
        checkpoint_every_steps=config.training.checkpoint_every_steps,
    )
