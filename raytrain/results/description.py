"""What a study was asked to do: study.json, written at its start and read by all that comes later."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from raytrain.errors import InputError
from raytrain.results.folders import read_json, write_json

VERSION = 1
FILE_NAME = "study.json"


@dataclass(frozen=True, kw_only=True)
class Description:
    """One study's question and circumstances."""

    baseline_name: str
    baseline: dict[str, Any]
    """Resolved, as it was run."""
    space_name: str
    space: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)
    """Where known: synthetic, train_utterances, validation_utterances, train_children, validation_children."""
    provenance: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION

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
        search = self.space.get("search", {})
        limit: float | None = search.get("memory_limit_gib")
        return limit if search.get("objective", "wer_under_memory") == "wer_under_memory" else None

    def write(self, folder: Path) -> None:
        write_json(folder / FILE_NAME, asdict(self))

    def caveats(self) -> list[str]:
        """What a reader of any figure must know first."""
        told = []
        if self.synthetic:
            told.append("The data are synthetic (the demo corpus): no WER here says anything about real children.")
        if self.random_weights:
            told.append("The weights were random at the start: the WER means nothing; memory and speed do.")
        return told


def read_description(folder: Path) -> Description:
    """The description in a study's folder; a missing, foreign or newer one is refused."""
    path = folder / FILE_NAME
    values = read_json(path)
    if not isinstance(values, dict) or not all(isinstance(values.get(part), dict) for part in ("baseline", "space")):
        raise InputError(f"{path}: not the description of a study; name a folder that raytrain.tune made")
    if values.get("version", VERSION) > VERSION:
        raise InputError(f"{path}: version {values['version']}, this raytrain knows {VERSION}; use the newer raytrain")
    names = {"baseline_name": "baseline", "space_name": "space"}
    return Description(
        **{**names, **{name: values[name] for name in Description.__dataclass_fields__ if name in values}}
    )
