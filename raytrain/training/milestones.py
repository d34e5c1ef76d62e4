"""When a run is scored, kept and over: functions of the step alone, the same after a resume."""

from collections.abc import Sequence

from raytrain.config.baseline import Baseline
from raytrain.config.derived import total_steps, warmup_steps
from raytrain.speech.batches import BatchPlan


class Milestones:
    """The steps of a run at which something is due. Steps count from 1: step k is asked about when k steps are done."""

    def __init__(
        self,
        config: Baseline,
        plan: BatchPlan,
        *,
        evaluate_at_examples: Sequence[int] | None,
        end_at_examples: int | None,
    ) -> None:
        """A study gives its rungs and its budget, which shortens the run together with its schedule: at its end the
        learning rate has come down."""
        steps = total_steps(
            config.training, train_utterances=plan.examples_per_epoch, effective_batch_size=plan.effective_batch_size
        )
        if end_at_examples is not None:
            steps = min(steps, plan.steps_for(end_at_examples))
        self.steps_total = steps
        """Steps at whose end the run is over."""
        self.warmup_steps = warmup_steps(config.training, steps=steps)
        """Steps in which the learning rate rises."""
        rungs = evaluate_at_examples
        self._rung_steps = None if rungs is None else {plan.steps_for(rung) for rung in rungs}
        self._every_steps = config.evaluation.every_steps
        self._checkpoint_every_steps = config.training.checkpoint_every_steps

    def is_scored(self, step: int) -> bool:
        """Whether this step is followed by an evaluation: the last one is, and every one with a checkpoint, since a
        checkpoint without its WER could not be compared with the others."""
        return self.is_kept(step) or (self._rung_steps is None and step % self._every_steps == 0)

    def is_kept(self, step: int) -> bool:
        """Whether this step leaves a checkpoint. In a study each rung does: there the scheduler may stop a trial, or a
        machine be lost."""
        if step == self.steps_total:
            return True
        return step in self._rung_steps if self._rung_steps is not None else step % self._checkpoint_every_steps == 0
