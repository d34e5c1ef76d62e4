"""A run at rest: a folder in Hugging Face form, which from_pretrained loads, and beside it what resuming needs.

Of the data position, the schedule and the random draws only the step is kept: they are functions of (seed, step).
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from raytrain.config.baseline import Audio
from raytrain.whisper.weights import Whisper, save

_STATE, _UTTERANCES = "training_state.pt", "utterances.jsonl"


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where a run had come to."""

    step: int
    """Optimizer steps done."""
    row: dict[str, Any]
    """The last row reported, with its history."""
    _optimizer: dict[str, Any]
    _scaler: dict[str, Any]

    def restore(self, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
        """Fill fresh objects. The moments go where the weights are, so these must be on their device by now."""
        optimizer.load_state_dict(self._optimizer)
        if scaler.is_enabled() and self._scaler:  # empty when it was saved in another precision
            scaler.load_state_dict(self._scaler)


def save_checkpoint(
    folder: Path,
    whisper: Whisper,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    *,
    step: int,
    row: dict[str, Any],
    audio: Audio,
    utterances: Sequence[dict[str, Any]],
) -> Path:
    """Write a folder beside its place and rename it: a folder of this name is always whole."""
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    save(whisper, partial, window=audio, extra={"step": step, "eval_wer": row.get("eval_wer")})
    state = {"optimizer": optimizer.state_dict(), "scaler": scaler.state_dict(), "step": step, "row": row}
    torch.save(state, partial / _STATE)
    lines = (json.dumps(utterance, ensure_ascii=False, allow_nan=False) for utterance in utterances)
    (partial / _UTTERANCES).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)  # left by a run that was killed before it could report it
    partial.rename(folder)
    return folder


def load_checkpoint(folder: Path) -> Resumed:
    """All of a checkpoint but its weights, which are loaded from the same folder as any others are."""
    state = torch.load(folder / _STATE, map_location="cpu", weights_only=True)
    return Resumed(state["step"], state["row"], state["optimizer"], state["scaler"])
