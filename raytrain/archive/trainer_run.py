"""A folder that transformers' Trainer wrote in; what it trained, how, and its WER over time out. No transformers."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from raytrain.archive.pickled import plain_values
from raytrain.archive.told import Arguments, Generation, Kind, ModelConfig, Scored, State, told
from raytrain.files import as_kind
from raytrain.whisper.variants import VARIANTS

_ASSUMED_PERCENT_ABOVE = 1.5


@dataclass(frozen=True)
class TrainerRun:
    """A Trainer's output folder, read from its small files: the latest checkpoint's where there is a choice."""

    folder: Path

    @staticmethod
    def recognises(folder: Path) -> bool:
        """Whether a Trainer wrote the folder."""
        names = ("trainer_state.json", "training_args.bin")
        return any((place / name).is_file() for place in _places(folder) for name in names)

    @cached_property
    def state(self) -> State:
        """trainer_state.json; the one with the most steps, since the root's may be older than a checkpoint's."""
        states = self._told("trainer_state.json", State)
        return max(states, key=lambda state: state.get("global_step") or 0, default=State())

    @cached_property
    def arguments(self) -> Arguments:
        """TrainingArguments, as far as they are plain values; empty where no file of them can be read."""
        paths = [place / "training_args.bin" for place in _places(self.folder)]
        path, values = next(((path, found) for path in paths if (found := plain_values(path))), (self.folder, {}))
        return as_kind(values, Arguments, place=str(path), way_out="restore the file from a copy")

    @cached_property
    def model(self) -> ModelConfig:
        """The model's config.json."""
        return next(iter(self._told("config.json", ModelConfig)), ModelConfig())

    @cached_property
    def generation(self) -> Generation:
        """The model's generation_config.json."""
        return next(iter(self._told("generation_config.json", Generation)), Generation())

    @property
    def variant(self) -> str | None:
        """The Whisper size that has this shape."""
        if self.model.get("model_type") != "whisper":
            return None
        shape = tuple(self.model.get(key) for key in ("encoder_layers", "decoder_layers", "d_model"))
        sizes = VARIANTS.values()
        return next((v.name for v in sizes if (v.encoder_layers, v.decoder_layers, v.width) == shape), None)

    @property
    def pretrained(self) -> str | None:
        """The hub's name of the weights it started from, where a file of the run says so."""
        name = self.model.get("_name_or_path") or ""
        if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not Path(name).exists():
            return name
        card = self.folder / "README.md"
        text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
        named = re.search(r"^base_model:\s*(?:-\s*)?([\w.-]+/[\w.-]+)\s*$", text, re.MULTILINE)
        return named.group(1) if named else None

    def wer_history(self, unit: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """The evaluations as fractions, and the unit they were recorded in.

        Many training scripts log 100 times the WER. Unsaid, a run whose best is above 1.5 is taken for one of these:
        150 % wrong at its best is no run that anybody keeps.
        """
        wers = [(row, wer) for row in self._rows if (wer := row.get("eval_wer")) is not None]
        if not wers:
            return [], None
        assumed = "percent" if min(wer for _, wer in wers) > _ASSUMED_PERCENT_ABOVE else "fraction"
        scale = 100 if (unit or assumed) == "percent" else 1
        history = [{"step": row["step"], "epoch": row.get("epoch"), "eval_wer": wer / scale} for row, wer in wers]
        return history, unit or f"{assumed}, assumed"

    def summary(self, *, unit: str | None) -> dict[str, Any]:
        """What a comparison needs of the run; null where the folder does not say."""
        history, recorded = self.wer_history(unit)
        batch_size = self.arguments.get("per_device_train_batch_size") or self.state.get("train_batch_size")
        accumulation = self.arguments.get("gradient_accumulation_steps")
        rates = [rate for row in self._rows if (rate := row.get("learning_rate")) is not None]
        steps = self.state.get("global_step")
        effective = batch_size * accumulation if batch_size and accumulation else None
        return {
            "when": self._when(),
            "model": self.pretrained or self.model.get("_name_or_path") or None,
            "variant": self.variant,
            "language": self.generation.get("language"),
            "batch_size": batch_size,
            "gradient_accumulation_steps": accumulation,
            "effective_batch_size": effective,
            "learning_rate": self.arguments.get("learning_rate", max(rates, default=None)),
            "num_epochs": self.arguments.get("num_train_epochs"),
            "precision": "fp16" if self.arguments.get("fp16") else "bf16" if self.arguments.get("bf16") else None,
            "seed": self.arguments.get("seed"),
            "steps": steps,
            "examples_seen": steps * effective if steps and effective else None,
            "wer_unit": recorded,
            "history": history,
        }

    @property
    def _rows(self) -> list[Scored]:
        return self.state.get("log_history") or []

    def _told(self, name: str, kind: type[Kind]) -> list[Kind]:
        """The files of this name that are whole: a foreign run may have torn some of them."""
        return told([place / name for place in _places(self.folder)], kind)

    def _when(self) -> str | None:
        """The time at which its latest state was written, in ISO 8601."""
        times = [
            path.stat().st_mtime for place in _places(self.folder) if (path := place / "trainer_state.json").is_file()
        ]
        return datetime.fromtimestamp(max(times), UTC).isoformat(timespec="seconds") if times else None


def _places(folder: Path) -> list[Path]:
    """The folder and its checkpoints, the latest first."""
    numbered = [
        (int(number.group(1)), path)
        for path in folder.glob("checkpoint-*")
        if (number := re.fullmatch(r"checkpoint-(\d+)", path.name)) and path.is_dir()
    ]
    return [folder, *(path for _, path in sorted(numbered, reverse=True))]
