"""What a study or a fit was asked to do: study.json or fit.json, written at its start, read by all that comes later."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from raytrain.errors import InputError
from raytrain.files import read_json, write_json

VERSION = 1
STUDY_FILE, FIT_FILE = "study.json", "fit.json"


@dataclass(frozen=True, kw_only=True)
class Description:
    """One study, or one fit where there is no space."""

    baseline_name: str
    baseline: dict[str, Any]
    """Resolved, as it was run."""
    space_name: str | None = None
    space: dict[str, Any] | None = None
    data: dict[str, Any] = field(default_factory=dict)
    """Where known: synthetic, train_utterances, validation_utterances, train_children, validation_children."""
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
        """Trained from nothing: a WER means nothing then."""
        return self.baseline.get("model", {}).get("pretrained", "") is None

    @property
    def memory_limit_gib(self) -> float | None:
        """The limit that the winner has to keep, where the study has one."""
        search = (self.space or {}).get("search", {})
        limit: float | None = search.get("memory_limit_gib")
        return None if search.get("objective") == "wer" else limit

    @property
    def is_pareto(self) -> bool:
        """Whether the study looks for a front of trials, and not for one."""
        return bool((self.space or {}).get("search", {}).get("objective") == "pareto")

    def write(self, folder: Path) -> None:
        write_json(folder / self.file_name, asdict(self))

    def caveats(self) -> list[str]:
        """What a reader of any figure must know first."""
        told = []
        if self.synthetic:
            told.append("The data are synthetic (the demo corpus): no WER here says anything about real children.")
        if self.random_weights:
            told.append("The weights were random at the start: the WER means nothing; memory and speed do.")
        return told


def read_description(folder: Path) -> Description:
    """The description in a folder; a missing, foreign or newer one is refused."""
    path = next((folder / name for name in (FIT_FILE, STUDY_FILE) if (folder / name).exists()), None)
    if path is None:
        fact = f"holds neither {STUDY_FILE} nor {FIT_FILE}" if folder.is_dir() else "there is no such folder"
        raise InputError(f"{folder}: {fact}; name the folder of a study or a fit")
    values = read_json(path)
    if not isinstance(values, dict) or not isinstance(values.get("baseline"), dict) or not _is_space(values):
        raise InputError(f"{path}: not the description of a study or a fit; name a folder that raytrain made")
    if values.get("version", VERSION) > VERSION:
        raise InputError(f"{path}: version {values['version']}, this raytrain knows {VERSION}; use the newer raytrain")
    known = {name: values[name] for name in Description.__dataclass_fields__ if name in values}
    return Description(**{"baseline_name": folder.name, **known})


def _is_space(values: dict[str, Any]) -> bool:
    """Nothing, as of a fit, or sections of keys."""
    space = values.get("space") or {}
    return isinstance(space, dict) and all(isinstance(space.get(name, {}), dict) for name in ("vary", "search"))
