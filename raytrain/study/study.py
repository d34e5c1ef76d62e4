"""What a study is: its folder, what was asked of it, its inputs, and the names of its trials.

The folder is all there is to a study: `study.json` says what was asked, `events.jsonl` what was started and scored,
`trials.jsonl` what ended. Tune's own snapshots are up to 10 s old and are never read: a study goes on from these three.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from raytrain.config.baseline import Baseline
from raytrain.config.derived import derived
from raytrain.config.space import SearchSpace
from raytrain.results.description import Description
from raytrain.study.history import History
from raytrain.trial.inputs import Inputs
from raytrain.trial.stock import Stock


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is searched, where, and with which inputs."""

    folder: Path
    """The study's folder, as an absolute path."""
    description: Description
    inputs: Inputs
    stock: Stock | None = None
    """The same inputs in the storage, for nodes that do not see this machine's."""

    @property
    def baseline(self) -> Baseline:
        return self.description.baseline

    @property
    def space(self) -> SearchSpace:
        return self.description.asked

    @cached_property
    def history(self) -> History:
        """The study's own files, open."""
        return History(self.folder, self.description)

    @property
    def budget_examples(self) -> int:
        """The most one trial may train: what the space says, at most the baseline's own length."""
        own: int = derived(self.baseline, self.inputs.examples_an_epoch)["examples"]
        return min(own, self.space.budget.examples or own)

    @property
    def runs(self) -> Path:
        """Where Ray Train keeps the trials' runs, a folder each; with a storage on S3 what of them is wanted here."""
        return self.folder / "ray"

    @property
    def remote(self) -> str | None:
        """The place on S3 that the study's folder is copied to, and its runs are kept below; None without one."""
        return f"{self.baseline.storage}/{self.folder.name}" if self.baseline.is_on_s3() else None


def trial_name(number: int) -> str:
    """A trial's id in the ledger, and its run's name in Ray's storage: the same after every restart."""
    return f"trial-{number:04}"
