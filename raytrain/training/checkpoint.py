"""A run at rest: a folder in Hugging Face form, which from_pretrained loads, and beside it what resuming needs.

Where an adapter learned, it is there alone, and peft loads it over the weights that raytrain.json names.

The sha256 of every file is written with it: a checkpoint that is not as it was written is neither gone on from nor
exported.

Of the data position, the schedule and the random draws only the step is kept: they are functions of (seed, step).
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytrain.config.baseline import Audio, Model
from raytrain.config.languages import rate_of
from raytrain.errors import InputError
from raytrain.files import SUMS, whole_folder, write_sums
from raytrain.results.rates import name_of
from raytrain.results.records import Row
from raytrain.results.transcripts import Scored
from raytrain.whisper.bases import base_under
from raytrain.whisper.folders import is_adapter
from raytrain.whisper.sound import written_fault
from raytrain.whisper.weights import Whisper, save

if TYPE_CHECKING:
    import torch

_STATE, _UTTERANCES = "training_state.pt", "utterances.jsonl"


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where a run had come to."""

    step: int
    """Optimizer steps done."""
    row: Row
    """The last row reported, with its history."""
    _optimizer: dict[str, Any]
    _scaler: dict[str, Any]
    since_scored: Mapping[str, float]
    """What Rows had counted since the last evaluation, where the run was stopped between two."""

    def restore(self, optimizer: "torch.optim.Optimizer", scaler: "torch.amp.GradScaler") -> None:
        """Fill fresh objects. The moments go where the weights are, so these must be on their device by now."""
        optimizer.load_state_dict(self._optimizer)
        if scaler.is_enabled() and self._scaler:  # empty when it was saved in another precision
            scaler.load_state_dict(self._scaler)


def save_checkpoint(
    folder: Path,
    whisper: Whisper,
    optimizer: "torch.optim.Optimizer",
    scaler: "torch.amp.GradScaler",
    *,
    step: int,
    row: Row,
    audio: Audio,
    utterances: Sequence[Scored],
    since_scored: Mapping[str, float] | None = None,
) -> Path:
    """Write a checkpoint; a folder of this name is always whole.

    `since_scored` is given where these weights were not scored: the row then tells of earlier ones.
    """
    import torch

    wer = row.eval_wer if since_scored is None else None
    with whole_folder(folder, durable=False) as built:  # the run goes on from the one before it, too
        save(
            whisper,
            built,
            window=audio,
            extra={"step": step, name_of("eval_wer", rate_of(whisper.text_language)): wer},
        )
        state = {"optimizer": optimizer.state_dict(), "scaler": scaler.state_dict(), "step": step, "row": row.as_dict()}
        state["since_scored"] = dict(since_scored or {})
        torch.save(state, built / _STATE)
        lines = (json.dumps(utterance, ensure_ascii=False, allow_nan=False) for utterance in utterances)
        (built / _UTTERANCES).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        write_sums(built)
        shutil.rmtree(folder, ignore_errors=True)  # left by a run that was killed before it could report it
    return folder


def resume_fault(folder: Path, model: Model) -> str | None:
    """What keeps a run from going on from a checkpoint; None where it is as it was written.

    InputError where it is an adapter whose weights are not here, or are others: that is no fault of the checkpoint's.
    """
    fault = written_fault(folder, model, but=())
    if fault is None and is_adapter(folder):
        base_under(folder)
    if fault is not None or (folder / SUMS).exists():
        return fault
    try:  # of an earlier version, which wrote no sums
        load_checkpoint(folder)
    except InputError as error:
        return str(error)
    return None


def load_checkpoint(folder: Path) -> Resumed:
    """All of a checkpoint but its weights, which are loaded from the same folder as any others are."""
    import torch

    path = folder / _STATE
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        since_scored = state.get("since_scored", {})
        return Resumed(state["step"], Row().updated(state["row"]), state["optimizer"], state["scaler"], since_scored)
    except Exception as error:  # of bytes that mean nothing torch says so in many classes
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{path}: cannot be read ({said[0]}); restore it from a copy") from error
