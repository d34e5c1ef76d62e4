"""What is kept of a trial: one TrialRecord, a line of JSON in the ledger, with null where there is no number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import (
    Annotated,
    Any,
    NotRequired,  # typing's own is no type to pydantic before Python 3.12
    Self,
)

from pydantic import AfterValidator, Field, with_config
from typing_extensions import TypedDict

from raytrain.config.baseline import Baseline
from raytrain.config.space import Scalar
from raytrain.errors import InputError
from raytrain.files import as_kind, finite
from raytrain.results.rates import as_read, as_written

WORST_OBJECTIVE = 10.0
"""The objective where there is no WER, and the largest one of a babbling model: finite, since NaN would never be
pruned, and worse than that of any model that does more than babble."""


_FORMER_NAMES = {"gpu_memory_gib": "gpu_share_gib"}
"""Names that fields had in studies of version 1, and what they are called now."""


class Outcome(StrEnum):
    """The ways a trial ends, each a fact about the sample, except `failed`."""

    COMPLETED = "completed"
    PRUNED = "pruned"  # the scheduler stopped it
    DIVERGED = "diverged"  # infeasible: loss or objective not finite
    OUT_OF_MEMORY = "out_of_memory"  # infeasible: on this hardware, at this size
    NOT_STARTED = "not_started"  # infeasible: predicted not to fit
    FAILED = "failed"  # our bug or the machine's; never counted as a result


def _moment(text: str) -> str:
    datetime.fromisoformat(text)  # ValueError where it is none
    return text


def _below(text: str) -> str:
    """A path that stays below the study's folder: what it names is removed when the study tidies up."""
    parts = PurePosixPath(text).parts
    if not parts or text.startswith("/") or ".." in parts or "\0" in text:
        raise ValueError("must be a path below the study's folder")
    return text


def _name(text: str) -> str:
    if len(PurePosixPath(_below(text)).parts) > 1:
        raise ValueError("must be the name of one folder")
    return text


Moment = Annotated[str, AfterValidator(_moment)]
"""ISO 8601 in UTC."""
_Count = Annotated[int, Field(ge=0, le=2**53)]


@with_config(extra="allow")
class HistoryRow(TypedDict):
    """A row of a history: what one evaluation has shown."""

    step: NotRequired[_Count]
    examples_seen: NotRequired[_Count]
    eval_wer: NotRequired[float | None]
    eval_cer: NotRequired[float | None]
    also: NotRequired[dict[str, float]]


_WHERE_THERE_ARE_ANY = ("wer_by_source", "also", "over")


def without_no_sources(values: dict[str, Any]) -> dict[str, Any]:
    """What is written of a run on one manifest names no sources, and no further sets where none are scored."""
    return {name: value for name, value in values.items() if name not in _WHERE_THERE_ARE_ANY or value}


def also_at(history: Sequence[HistoryRow], step: int) -> dict[str, float]:
    """Error rates on further sets as they were at this step, by name; none where they were not scored then."""
    return next((row["also"] for row in history if row.get("step") == step and row.get("also")), {})


def utc_now() -> str:
    """This moment as records hold it: ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What a training has learnt by its last evaluation: the same for every split of one effective batch.

    Where the language of the transcripts writes no spaces, the WER of each field is the CER; `as_dict` of a record and
    whatever is sent name it so.
    """

    eval_wer: float | None = None
    """WER at the last evaluation."""
    eval_cer: float | None = None
    """CER at the last evaluation, beside it."""
    best_eval_wer: float | None = None
    wer_by_age_bucket: dict[str, float] = field(default_factory=dict)
    wer_by_source: dict[str, float] = field(default_factory=dict)
    """By the names of the manifests, where the utterances are of several; else empty, and written down nowhere."""
    also: dict[str, float] = field(default_factory=dict)
    """Error rates on the further sets of evaluation.also, by name, once they were scored; else written down nowhere."""
    word_errors: dict[str, int] | None = None
    """Counts at the last evaluation: substitutions, deletions, insertions, hits."""
    character_errors: dict[str, int] | None = None
    """The same in characters."""
    normaliser: str | None = None
    """What texts were levelled by before they were counted."""
    babbled_clips: int | None = None
    """Clips of the last evaluation in which more was heard than can be said in their time; the rest was cut off."""
    examples_seen: _Count = 0
    history: list[HistoryRow] = field(default_factory=list)
    """One row an evaluation, on `examples_seen`."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a training has taken of the machine so far: a few steps show it as well as a whole run."""

    train_examples_per_s: float | None = None
    data_wait_share: float | None = None
    """Of the seconds of training those in which the device waited for its data."""
    peak_memory_reserved_gib: float | None = None
    peak_memory_allocated_gib: float | None = None
    peak_memory_resident_gib: float | None = None
    peak_memory_by_phase: dict[str, dict[str, float]] = field(default_factory=dict)
    """On a GPU {"train": {"reserved_gib", "allocated_gib"}, "evaluate": {...}}, the largest of any rank."""
    allocator_retries: int | None = None
    """How often the CUDA allocator emptied its cache to go on, on the rank where it did most: memory was short."""
    precision_used: str | None = None
    node: str | None = None
    """The name of the machine that trained."""


@dataclass(frozen=True, kw_only=True)
class Row(Learnt, Taken):
    """What a run reports at an evaluation and at its end. A metric that is to reach trackers and records is a field
    here, or of what this is made of, and whoever measures it sets it."""

    step: int = 0
    steps_total: int = 0
    warmup_steps_used: int | None = None
    epoch: float = 0.0
    train_loss: float | None = None
    """The mean over the label tokens since the evaluation before."""
    learning_rate: float | None = None
    grad_norm: float | None = None
    eval_utterances: int | None = None
    eval_s: float | None = None
    objective: float = WORST_OBJECTIVE
    """The one finite number that the scheduler compares."""
    finished: bool = False
    """Whether this is the run's last row."""
    outcome: Outcome | None = None
    reason: str | None = None
    errno: int | None = None
    """The operating system's error number, where the run failed by one."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as Ray, files and trackers take them; a number that is not finite is None."""
        plain: dict[str, Any] = finite({one.name: getattr(self, one.name) for one in fields(self)})
        return without_no_sources(plain) | {"outcome": self.outcome and str(self.outcome)}

    def updated(self, values: Mapping[str, Any]) -> Self:
        """This row with what is known of these values; what else they hold, Tune's own keys say, is left out."""
        known = {one.name: values[one.name] for one in fields(self) if one.name in values}
        if known.get("outcome") is not None:
            known["outcome"] = Outcome(known["outcome"])
        return replace(self, **known)


@dataclass(frozen=True, kw_only=True)
class TrialRecord(Learnt, Taken):
    """One trial as it ended. Times are ISO 8601 in UTC, memory is in GiB (2**30 bytes), WER is a fraction."""

    trial_id: Annotated[str, AfterValidator(_name)]
    number: _Count
    sample: dict[str, Scalar]
    """The values drawn, by dotted key: {"training.batch_size": 8}; empty for the baseline as it is."""
    config: Baseline
    """The whole resolved baseline that was trained."""
    effective_batch_size: int
    outcome: Outcome
    reason: str | None = None
    predicted_memory_gib: float | None = None
    """The predicted peak on a GPU, with all that is not tensors."""
    gpu_fraction: float | None = None
    """The share of a card that each worker had; null on a CPU."""
    gpu_share_gib: float | None = None
    """What that fraction came to on its card; null where the card's size was not known."""
    steps: int = 0
    seed: int
    started_at: Moment
    ended_at: Moment
    wall_s: float
    """Wall-clock seconds from the trial's start to its record."""
    inherited_from: str | None = None
    """The trial_id whose WER this one has: it splits the same effective batch otherwise, and was only probed."""
    finalist_of: str | None = None
    """The trial_id that this one trained again with another seed."""
    over: dict[str, float] = field(default_factory=dict)
    """By how much it missed what the space keeps, by key, {"also.adult": 0.01}; 0 where it was kept, and nothing where
    that was not measured."""
    checkpoint: Annotated[str, AfterValidator(_below)] | None = None
    """The folder of the weights, below the study's."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values: what a line of the ledger holds. Which trial it is comes first, for who reads a line."""
        names = [*type(self).__annotations__, *(one.name for one in fields(self))]
        values = without_no_sources({name: getattr(self, name) for name in names})
        return as_written(values, self.config.model.rate()) | {"config": self.config.model_dump()}

    @classmethod
    def from_dict(cls, values: dict[str, Any], place: str) -> Self:
        """The record of a line at this place; InputError where it is none, or holds more than this raytrain knows.

        A key of its configuration that this raytrain does not know is left out.
        """
        values = {_FORMER_NAMES.get(name, name): value for name, value in as_read(values).items()}
        unknown = ", ".join(sorted(values.keys() - {one.name for one in fields(cls)}))
        if unknown:
            raise InputError(f"{place}: unknown fields {unknown}: written by a newer raytrain; use that version")
        place, way_out = f"{place}: not a trial record", "restore the line, or take it out"
        if isinstance(values.get("config"), dict):
            config = as_kind(values["config"], Baseline, place=f"{place}: config", way_out=way_out, extra="ignore")
            values["config"] = config.model_dump()
        return as_kind(values, cls, place=place, way_out=way_out)
