"""What a study or a fit was asked to do: study.json or fit.json, written at its start, read by all that comes later."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import (
    Any,
    Required,  # typing's own is no type to pydantic before Python 3.12
    TypeVar,
    cast,
)

from pydantic import ValidationError, with_config
from typing_extensions import TypedDict

from raytrain.config.baseline import Baseline
from raytrain.config.explain import explain
from raytrain.config.section import Section
from raytrain.config.source import Place, Source
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.files import as_kind, read_value, write_json
from raytrain.results.provenance import Provenance
from raytrain.results.rates import as_read, as_written
from raytrain.results.records import HistoryRow, Outcome
from raytrain.results.run_folder import meant_run

VERSION = 2
STUDY_FILE, FIT_FILE = "study.json", "fit.json"
_Settings = TypeVar("_Settings", bound=Section)


class AlsoTold(TypedDict):
    """What a further set is known by."""

    utterances: int
    children: int
    sha256: str


@with_config(extra="allow")
class Data(TypedDict, total=False):
    """What a run trains and is scored on; what another raytrain did not record is not there."""

    synthetic: bool
    train_utterances: int | dict[str, int]
    """By age bucket, of one manifest that is split."""
    validation_utterances: int | dict[str, int]
    train_utterances_by_source: dict[str, int]
    """By the names of the manifests, where there are several."""
    validation_utterances_by_source: dict[str, int]
    children_in_several_sources: int
    sounds_in_several_sources: int
    train_children: list[str]
    validation_children: list[str]
    shared_children: int
    """What both halves have in common, where that was looked for."""
    shared_utterance_ids: int
    shared_sounds: int
    children_in_several_spellings: int
    children_not_known: bool
    """Whether utterances were taken for children of their own."""
    also: dict[str, AlsoTold]
    """Further sets that are scored as a run ends, by name."""
    data_sha256: str
    """Of data.jsonl: tells other data."""
    first_recorded_on_resume: bool


@with_config(extra="allow")
class Result(TypedDict, total=False):
    """A fit's last row, with null where there is no number."""

    outcome: Required[Outcome]
    reason: str | None
    step: int
    eval_wer: float | None
    eval_cer: float | None
    best_eval_wer: float | None
    wer_by_age_bucket: dict[str, float]
    wer_by_source: dict[str, float]
    """By the names of the manifests, where there are several."""
    train_examples_per_s: float | None
    precision_used: str | None
    checkpoint: str | None
    history: list[HistoryRow]


@dataclass(frozen=True, kw_only=True)
class _Told:
    """All of a description but its settings."""

    baseline_name: str | None = None
    space_name: str | None = None
    data: Data = field(default_factory=Data)
    provenance: Provenance = field(default_factory=Provenance)
    result: Result | None = None
    version: int = VERSION


@dataclass(frozen=True, kw_only=True)
class Description:
    """One study, or one fit where there is no space."""

    baseline_name: str
    baseline: Baseline
    """Resolved, as it was run."""
    space_name: str | None = None
    space: SearchSpace | None = None
    data: Data = field(default_factory=Data)
    provenance: Provenance = field(default_factory=Provenance)
    result: Result | None = None
    """A fit's last row; a study's results are in its ledger."""
    version: int = VERSION

    @property
    def file_name(self) -> str:
        return FIT_FILE if self.space is None else STUDY_FILE

    @property
    def synthetic(self) -> bool:
        return bool(self.data.get("synthetic", False))

    @property
    def random_weights(self) -> bool:
        """Whether training began from random weights: a WER means nothing then."""
        return self.baseline.model.pretrained is None

    @property
    def shared(self) -> str:
        """What training and validation have in common, in words; empty where nothing is known to be."""
        names = {
            "shared_children": ("child", "children"),
            "shared_utterance_ids": ("utterance id", "utterance ids"),
            "shared_sounds": ("clip of the very same sound", "clips of the very same sound"),
        }
        counts = [(self.data.get(key), one, many) for key, (one, many) in names.items()]
        return ", ".join(f"{number} {one if number == 1 else many}" for number, one, many in counts if number)

    @property
    def halves_are_compared(self) -> bool:
        """Whether it is known what both halves share: of a split by known children, and of two manifests compared."""
        if self.data.get("children_not_known"):
            return False
        return self.baseline.data.validation_manifest is None or "shared_children" in self.data

    @property
    def memory_limit_gib(self) -> float | None:
        """The limit that the winner has to keep, where the study has one."""
        if self.space is None or self.space.search.objective == "wer":
            return None
        return self.space.search.memory_limit_gib

    @property
    def is_pareto(self) -> bool:
        """Whether the study looks for a front of trials, and not for one."""
        return self.space is not None and self.space.search.is_pareto

    @property
    def asked(self) -> SearchSpace:
        """A study's space; ValueError where this describes a fit."""
        if self.space is None:
            raise ValueError(f"{self.baseline_name}: a fit has no search space")
        return self.space

    def write(self, folder: Path) -> None:
        """Write study.json or fit.json in this folder, whole or not at all."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        plain = {name: value.model_dump() for name, value in values.items() if isinstance(value, Section)}
        if self.result is not None:
            plain["result"] = as_written(self.result, self.baseline.model.rate())
        write_json(folder / self.file_name, values | plain | {"version": VERSION})

    def caveats(self) -> list[str]:
        """What a reader of any figure must know first."""
        found, rate = [], self.baseline.model.rate()
        if self.synthetic:
            found.append(f"The data are synthetic (the demo corpus): no {rate} here says anything about real children.")
        if self.random_weights:
            found.append(f"The weights were random at the start: the {rate} means nothing; memory and speed do.")
        if self.shared:
            found.append(f"Training and validation are not apart: both have {self.shared}, which flatters the {rate}.")
        if spelled := self.data.get("children_in_several_spellings"):
            found.append(f"Children whose id is spelled in several ways: {spelled}; each is taken for one child.")
        if self.data.get("first_recorded_on_resume"):
            found.append(
                "Begun before raytrain recorded its data, and gone on with: only its children and its numbers of "
                "utterances could be compared with those it began with."
            )
        if self.data.get("children_not_known"):
            found.append(
                "Who speaks is not known: each utterance is taken for a child of its own, so a child may be in both "
                "halves, which flatters every error rate and narrows its interval."
            )
        return found


def read_description(folder: Path, *, to_go_on: bool = False) -> Description:
    """The description in a folder; a missing, foreign or newer one is refused.

    To be read, settings need not all be known: a key of another raytrain's is left out. To go on with a run they must.
    """
    path = next((folder / name for name in (FIT_FILE, STUDY_FILE) if (folder / name).exists()), None)
    if path is None:
        fact = f"holds neither {STUDY_FILE} nor {FIT_FILE}" if folder.is_dir() else "there is no such folder"
        raise InputError(f"{folder}: {fact}; name the folder of a study or a fit", meant=meant_run(str(folder)))
    values = read_value(path)
    if not isinstance(values, dict) or not isinstance(values.get("baseline"), dict) or not _is_space(values):
        raise InputError(f"{path}: not the description of a study or a fit; name a folder that raytrain made")
    version = values.get("version", VERSION)
    if isinstance(version, int) and version > VERSION:
        raise InputError(f"{path}: version {version}, this raytrain knows {VERSION}; use the newer raytrain")
    told = as_kind(values, _Told, place=str(path), way_out="restore the file from a copy")
    space = values.get("space")
    return Description(
        baseline_name=told.baseline_name or folder.name,
        baseline=_settings(Baseline, values["baseline"], path=path, strictly=to_go_on),
        space_name=told.space_name,
        space=None if space is None else _settings(SearchSpace, space, path=path, strictly=to_go_on),
        data=told.data,
        provenance=told.provenance,
        result=None if told.result is None else cast("Result", as_read(told.result)),
        version=told.version,
    )


def _settings(schema: type[_Settings], values: dict[str, Any], *, path: Path, strictly: bool) -> _Settings:
    try:
        return schema.model_validate(values, extra="forbid" if strictly else "ignore")
    except ValidationError as error:
        fault = explain(error, Source(values, Place((0, 0), str(path))), schema)[0]
        raise InputError(f"{fault}; written by another raytrain? Go on with it there, or begin anew") from None


def _is_space(values: dict[str, Any]) -> bool:
    """Whether `space` holds nothing, as in a fit, or sections of keys."""
    space = values.get("space")
    return space is None or (isinstance(space, dict) and isinstance(space.get("vary"), dict))
