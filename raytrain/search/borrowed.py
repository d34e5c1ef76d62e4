"""What a study learns from earlier ones: their folders in; what they tried, in this study's keys, and how far to trust
it, out.

A borrowed trial has a value for every key that varies here, since its whole configuration is known. How well an earlier
study's ranking agrees is told by this study's own trials; until there are any, one of the same corpus and variant is
taken to agree nearly, one of another corpus or variant less.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from raytrain.config.baseline import FACTORS, Baseline
from raytrain.config.branches import RATE, branch_of, branches_drawn, drawn_of, rate_about
from raytrain.config.derived import scaled_learning_rate
from raytrain.config.space import Scalar, SearchSpace
from raytrain.errors import InputError
from raytrain.files import read_as, write_json
from raytrain.results.description import Description, read_description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.run_folder import meant_run
from raytrain.search.encoding import Tried
from raytrain.search.objectives import objective_of

FILE_NAME = "borrowed.json"
_TRUST = 0.96
"""What the correlation with a study of the same corpus and variant is taken to be."""
_OTHER_CORPUS, _OTHER_VARIANT = 0.95, 0.9
"""By what that is multiplied where one of these differs."""
_MOST = 60
"""Trials of one study that are borrowed, the best of it among them."""


@dataclass(frozen=True, kw_only=True)
class BorrowedTrial:
    """A trial of an earlier study."""

    size: float
    """Its effective batch."""
    others: dict[str, Scalar]
    """Its value of every key that varies here, is there in its branch, and is no factor of the effective batch."""
    objective: float


@dataclass(frozen=True, kw_only=True)
class Borrowed:
    """What is borrowed of one earlier study."""

    study: str
    """The name of its folder."""
    trust: float
    """What its correlation with this study is taken to be before this study's trials tell it."""
    discounted_for: list[str]
    """What differs, in words."""
    trials: list[BorrowedTrial]

    @property
    def sizes(self) -> list[float]:
        return [one.size for one in self.trials]

    @property
    def others(self) -> list[dict[str, Scalar]]:
        return [one.others for one in self.trials]

    @cached_property
    def tried(self) -> list[Tried]:
        """Its trials, each with its objective alone."""
        return [Tried(sample=one.others, state=TrialState.COMPLETE, objectives=(one.objective,)) for one in self.trials]


def borrow(
    folders: Sequence[Path], *, baseline: Baseline, space: SearchSpace, data_sha256: str | None
) -> list[Borrowed]:
    """What there is to learn in these folders; InputError where one is no study, or none has a trial to teach."""
    found = [_borrowed(folder, baseline, space, data_sha256) for folder in dict.fromkeys(folders)]
    return [one for one in found if one.trials]


def require_studies(folders: Sequence[Path]) -> list[Path]:
    """The folders that are studies' with trials that ended; InputError where one is not there, or none is a study."""
    for folder in folders:
        if not folder.exists():
            message = f"--learn-from {folder}: there is no such folder; name those of earlier studies"
            raise InputError(message, meant=meant_run(str(folder)))
    studies = [folder for folder in folders if (folder / "study.json").is_file()]
    if not studies:
        raise InputError(f"--learn-from {folders[0]}: holds no study.json; name the folder of an earlier study")
    for folder in studies:
        if not Ledger(folder).read() or read_description(folder).space is None:
            raise InputError(f"--learn-from {folder}: no trial of this study has ended; there is nothing to learn")
    return studies


def discounted(*, other_corpus: bool, other_variant: str | None) -> tuple[float, list[str]]:
    """How far a study is trusted at first, and what it is discounted for."""
    trust, differs = _TRUST, []
    if other_corpus:
        trust, differs = trust * _OTHER_CORPUS, ["another corpus"]
    if other_variant is not None:
        trust, differs = trust * _OTHER_VARIANT, [*differs, f"whisper-{other_variant}"]
    return trust, differs


def write_borrowed(folder: Path, borrowed: Sequence[Borrowed]) -> None:
    """Write what was borrowed into a study's folder: from then on the study goes by this file alone."""
    write_json(folder / FILE_NAME, {"borrowed": [asdict(one) for one in borrowed]})


def read_borrowed(folder: Path) -> list[Borrowed]:
    """What a study has borrowed; nothing where it has no such file."""
    path = folder / FILE_NAME
    return read_as(path, dict[str, list[Borrowed]]).get("borrowed", []) if path.exists() else []


def _borrowed(folder: Path, baseline: Baseline, space: SearchSpace, data_sha256: str | None) -> Borrowed:
    description = read_description(folder)
    corpus, variant = description.data.get("data_sha256"), description.baseline.model.variant
    trust, differs = discounted(
        other_corpus=corpus is None or corpus != data_sha256,
        other_variant=None if variant == baseline.model.variant else variant,
    )
    branches = branches_drawn(space.vary, baseline)
    records = [one for one in Ledger(folder).read() if _teaches(one) and branch_of(one.config) in branches]
    records.sort(key=objective_of)
    some = sorted(records[:_MOST], key=lambda one: one.number)
    trials = [_trial(one, description, baseline, space) for one in some]
    return Borrowed(study=folder.name, trust=trust, discounted_for=differs, trials=trials)


def _teaches(record: TrialRecord) -> bool:
    """Whether it was trained to its end for the search itself."""
    ended = record.outcome in (Outcome.COMPLETED, Outcome.DIVERGED)
    return ended and record.finalist_of is None and record.inherited_from is None


def _trial(record: TrialRecord, theirs: Description, baseline: Baseline, space: SearchSpace) -> BorrowedTrial:
    branch = branch_of(record.config)
    others: dict[str, Any] = {
        key: record.config.value_at(key)
        for key, asked in space.vary.items()
        if key not in FACTORS and drawn_of(key, asked, branch) is not None
    }
    if RATE in others:
        # Another variant has another best rate: what carries over is how far it lies from that variant's own.
        if theirs.baseline.model.variant != baseline.model.variant:
            others[RATE] *= rate_about(baseline, branch) / rate_about(theirs.baseline, branch)
        # Here a drawn rate is still scaled by the effective batch.
        others[RATE] /= scaled_learning_rate(
            1.0,
            scaling=space.search.learning_rate_scaling,
            baseline_effective=baseline.effective_batch_size(),
            sample_effective=record.effective_batch_size,
        )
    return BorrowedTrial(size=record.effective_batch_size, others=others, objective=objective_of(record))
