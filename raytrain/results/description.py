"""What a study or a fit was asked to do: study.json or fit.json, written at its start, read by all that comes later."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from raytrain.config.baseline import Baseline, Section
from raytrain.config.explain import explain
from raytrain.config.source import Place, Source
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.files import as_kind, read_value, write_json

VERSION = 2
STUDY_FILE, FIT_FILE = "study.json", "fit.json"
_Settings = TypeVar("_Settings", bound=Section)


_WAY_OUT = "restore the file, or start anew in another folder"


@dataclass(frozen=True, kw_only=True)
class _Data:
    synthetic: bool = False
    train_utterances: int | None = None
    validation_utterances: int | None = None
    train_children: int | None = None
    validation_children: int | None = None
    shared_children: int = 0
    shared_utterance_ids: int = 0
    shared_sounds: int = 0


@dataclass(frozen=True, kw_only=True)
class _Plain:
    """The types of a description's values but for its settings, which have schemas of their own."""

    baseline_name: str
    space_name: str | None = None
    data: _Data = field(default_factory=_Data)
    provenance: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] | None = None
    version: int = VERSION


@dataclass(frozen=True, kw_only=True)
class Description:
    """One study, or one fit where there is no space."""

    baseline_name: str
    baseline: Baseline
    """Resolved, as it was run."""
    space_name: str | None = None
    space: SearchSpace | None = None
    data: dict[str, Any] = field(default_factory=dict)
    """Where known: synthetic, train_utterances, validation_utterances, train_children, validation_children; what both
    halves share: shared_children, shared_utterance_ids, shared_sounds; and data_sha256, which tells other data."""
    provenance: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] | None = None
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
        """Whether it is known what both halves share: of a split by child, and of two manifests that were compared."""
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
        write_json(folder / self.file_name, values | plain | {"version": VERSION})

    def caveats(self) -> list[str]:
        """What a reader of any figure must know first."""
        found = []
        if self.synthetic:
            found.append("The data are synthetic (the demo corpus): no WER here says anything about real children.")
        if self.random_weights:
            found.append("The weights were random at the start: the WER means nothing; memory and speed do.")
        if self.shared:
            found.append(f"Training and validation are not apart: both have {self.shared}, which flatters the WER.")
        if spelled := self.data.get("children_in_several_spellings"):
            found.append(f"Children whose id is spelled in several ways: {spelled}; each is taken for one child.")
        if self.data.get("first_recorded_on_resume"):
            found.append(
                "Begun before raytrain recorded its data, and gone on with: only its children and its numbers of "
                "utterances could be compared with those it began with."
            )
        return found


def read_description(folder: Path, *, to_go_on: bool = False) -> Description:
    """The description in a folder; a missing, foreign or newer one is refused.

    To be read, settings need not all be known: a key of another raytrain's is left out. To go on with a run they must.
    """
    path = next((folder / name for name in (FIT_FILE, STUDY_FILE) if (folder / name).exists()), None)
    if path is None:
        fact = f"holds neither {STUDY_FILE} nor {FIT_FILE}" if folder.is_dir() else "there is no such folder"
        raise InputError(f"{folder}: {fact}; name the folder of a study or a fit")
    values = read_value(path, way_out=_WAY_OUT)
    if not isinstance(values, dict) or not isinstance(values.get("baseline"), dict) or not _is_space(values):
        raise InputError(f"{path}: not the description of a study or a fit; name a folder that raytrain made")
    plain = as_kind({"baseline_name": folder.name, **values}, _Plain, place=str(path), way_out=_WAY_OUT)
    if plain.version > VERSION:
        raise InputError(f"{path}: version {plain.version}, this raytrain knows {VERSION}; use the newer raytrain")
    known = {one.name: values[one.name] for one in fields(Description) if one.name in values}
    known["baseline"] = _settings(Baseline, values["baseline"], path=path, strictly=to_go_on)
    if values.get("space") is not None:
        known["space"] = _settings(SearchSpace, values["space"], path=path, strictly=to_go_on)
    return Description(**{"baseline_name": folder.name, **known})


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
