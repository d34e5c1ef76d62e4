"""Runs side by side: folders of studies, fits and archived runs in; a table, and what of their WERs compares, out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from raytrain.archive.summaries import summary
from raytrain.errors import InputError
from raytrain.results.description import Description, read_description
from raytrain.results.records import TrialRecord
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
    """What any run says of itself: see archive.summaries."""
    measured: dict[str, Any]
    """What only our own runs say: peak memory, speed, WER by age."""
    description: Description | None
    utterances: Path

    @property
    def name(self) -> str:
        return str(self.summary["name"])

    @cached_property
    def scored(self) -> UtteranceCounts | None:
        return read_counts(self.utterances)

    @property
    def caveats(self) -> list[str]:
        return [] if self.description is None else self.description.caveats()


def read_run(folder: Path) -> ComparedRun:
    """Any folder that is a run, of ours or of another's making."""
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; name a study, a fit or an archived run")
    found = summary(folder)
    if found["kind"] == "study":
        study = load_study(folder)
        best = study.best
        number = -1 if best is None else best.number
        measured = {} if best is None else _of_record(best)
        return ComparedRun(folder, found, measured, study.description, transcripts_path(folder, number))
    if found["kind"] == "fit":
        description = read_description(folder)
        return ComparedRun(folder, found, description.result or {}, description, folder / "utterances.jsonl")
    return ComparedRun(folder, found, {}, None, folder / "utterances.jsonl")


def rows(runs: Sequence[ComparedRun]) -> list[tuple[str, list[str]]]:
    """What is known of each, a line a property; a property that nobody tells is left out."""
    lines = [(name, [show(run) for run in runs]) for name, show in _PROPERTIES]
    buckets = list(dict.fromkeys(bucket for run in runs for bucket in run.measured.get("wer_by_age_bucket") or {}))
    at = next(place for place, (name, _) in enumerate(lines) if name == "lowest WER") + 1
    lines[at:at] = [
        (f"WER, age {bucket}", [_number((run.measured.get("wer_by_age_bucket") or {}).get(bucket), 3) for run in runs])
        for bucket in buckets
    ]
    return [(name, cells) for name, cells in lines if any(cell != NOTHING for cell in cells)]


def comparisons(runs: Sequence[ComparedRun]) -> list[str]:
    """A sentence for each two: the difference over children where both scored the same utterances, else why not."""
    return [_compared(one, other) for one, other in combinations(runs, 2)]


def caveats(runs: Sequence[ComparedRun]) -> list[str]:
    """What a reader must know first, with the run that it holds of."""
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


def _of_record(record: TrialRecord) -> dict[str, Any]:
    return {
        **{key: getattr(record, key) for key in (*_MEMORY, "train_examples_per_s", "wer_by_age_bucket")},
        "precision_used": record.precision_used,
    }


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


_PROPERTIES: list[tuple[str, Callable[[ComparedRun], str]]] = [
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
    ("peak memory, GiB", _memory),
    ("clips/s in training", lambda run: _number(run.measured.get("train_examples_per_s"), 1)),
    ("trials", _word("trials")),
    ("archived", lambda run: (run.summary.get("archived_at") or NOTHING)[:10]),
    ("why archived", _word("why")),
]
