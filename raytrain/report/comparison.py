"""Runs side by side: folders of studies, fits and archived runs in; a table, and what of their WERs compares, out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from raytrain.archive.summaries import summary
from raytrain.errors import InputError
from raytrain.results.description import Description, read_description
from raytrain.results.significance import compare, contender
from raytrain.results.study_results import load_study
from raytrain.results.transcripts import UtteranceCounts, read_counts, transcripts_path
from raytrain.results.wording import NOTHING, number_text, short, signed

_MEMORY = ("peak_memory_reserved_gib", "peak_memory_resident_gib")


@dataclass(frozen=True)
class ComparedRun:
    """One of the runs set side by side: a study stands for its best trial."""

    folder: Path
    summary: dict[str, Any]
    """What a run of any maker says of itself: the keys of archive.summaries.summary."""
    measured: dict[str, Any]
    """What only our own runs say, by the names of a TrialRecord: peak memory, speed, WER by age."""
    description: Description | None
    utterances: Path

    @property
    def name(self) -> str:
        return str(self.summary["name"])

    @cached_property
    def scored(self) -> UtteranceCounts | None:
        return read_counts(self.utterances)

    @property
    def wer_by_age_bucket(self) -> dict[str, float]:
        return self.measured.get("wer_by_age_bucket") or {}

    @property
    def caveats(self) -> list[str]:
        return [] if self.description is None else self.description.caveats()


def read_run(folder: Path) -> ComparedRun:
    """Read any folder that is a run, of ours or of another's making."""
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; name a study, a fit or an archived run")
    found, utterances = summary(folder), folder / "utterances.jsonl"
    measured: dict[str, Any] = {}
    description: Description | None = None
    if found["kind"] == "study":
        study = load_study(folder)
        description = study.description
        if study.best is not None:
            measured, utterances = study.best.as_dict(), transcripts_path(folder, study.best.number)
    elif found["kind"] == "fit":
        description = read_description(folder)
        measured = description.result or {}
    return ComparedRun(folder, found, measured, description, utterances)


def rows(runs: Sequence[ComparedRun]) -> list[tuple[str, list[str]]]:
    """What is known of each run, a line a property; a property that no run gives is left out."""
    buckets = dict.fromkeys(bucket for run in runs for bucket in run.wer_by_age_bucket)
    ages: list[_Property] = [(f"WER, age {bucket}", partial(_wer_at_age, bucket)) for bucket in buckets]
    lines = [(name, [show(run) for run in runs]) for name, show in (*_SETTINGS_AND_WER, *ages, *_COSTS_AND_ARCHIVE)]
    return [(name, cells) for name, cells in lines if any(cell != NOTHING for cell in cells)]


def comparisons(runs: Sequence[ComparedRun]) -> list[str]:
    """A sentence for each two runs: their difference, where both scored the same utterances, else why there is none."""
    return [_compared(one, other) for one, other in combinations(runs, 2)]


def caveats(runs: Sequence[ComparedRun]) -> list[str]:
    """What a reader of the comparison must know first, each with the run that it holds of."""
    return [f"{run.name}: {caveat}" for run in runs for caveat in run.caveats]


def _compared(one: ComparedRun, other: ComparedRun) -> str:
    both = f"{other.name} against {one.name}"
    if one.scored is None or other.scored is None:
        return f"{both}: WERs cannot be set against each other, without both runs' utterances."
    if not np.array_equal(one.scored.utterance_ids, other.scored.utterance_ids):
        return f"{both}: scored on different utterances; their WERs cannot be set against each other."
    (found,) = compare([contender(other.name, [other.scored])], contender(one.name, [one.scored]))
    return (
        f"{both}: difference {signed(found.difference)}, 95 % {signed(found.low)} to {signed(found.high)} over "
        f"{found.num_children} children, one training each: what another seed would change is not in it."
    )


def _wer_at_age(bucket: str, run: ComparedRun) -> str:
    return number_text(run.wer_by_age_bucket.get(bucket), 3)


def _batch(run: ComparedRun) -> str:
    size, accumulation = run.summary["batch_size"], run.summary["gradient_accumulation_steps"]
    return f"{size} × {accumulation} = {run.summary['effective_batch_size']}" if size and accumulation else NOTHING


def _memory(run: ComparedRun) -> str:
    known = [(key.split("_")[2], run.measured.get(key)) for key in _MEMORY]
    return next((f"{value:.2f} {kind}" for kind, value in known if value is not None), NOTHING)


def _number(value: Any, digits: int) -> str:
    return number_text(value, digits) if value is None or isinstance(value, int | float) else str(value)


def _word(key: str) -> Callable[[ComparedRun], str]:
    return lambda run: NOTHING if run.summary.get(key) is None else str(run.summary[key])


_Property = tuple[str, Callable[[ComparedRun], str]]
_SETTINGS_AND_WER: list[_Property] = [
    ("kind", _word("kind")),
    ("when", lambda run: (run.summary.get("when") or NOTHING)[:10]),
    ("weights at the start", _word("model")),
    ("variant", _word("variant")),
    ("batch × accumulation = effective", _batch),
    ("learning rate", lambda run: NOTHING if not run.summary["learning_rate"] else short(run.summary["learning_rate"])),
    ("epochs", _word("num_epochs")),
    ("precision", lambda run: run.measured.get("precision_used") or _word("precision")(run)),
    ("seed", _word("seed")),
    ("steps", _word("steps")),
    ("clips trained on", _word("examples_seen")),
    ("WER at the end", lambda run: _number(run.summary["eval_wer"], 3)),
    ("lowest WER", lambda run: _number(run.summary["best_eval_wer"], 3)),
]
_COSTS_AND_ARCHIVE: list[_Property] = [
    ("peak memory, GiB", _memory),
    ("clips/s in training", lambda run: _number(run.measured.get("train_examples_per_s"), 1)),
    ("trials", _word("trials")),
    ("archived", lambda run: (run.summary.get("archived_at") or NOTHING)[:10]),
    ("why archived", _word("why")),
]
