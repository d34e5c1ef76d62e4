"""Runs side by side: folders of studies, fits and archived runs in; a table, and what of their WERs compares, out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

from raytrain.archive.summaries import summary
from raytrain.errors import InputError
from raytrain.results.description import Description, read_description
from raytrain.results.rates import as_read
from raytrain.results.run_folder import meant_run
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
    def wer_by_source(self) -> dict[str, float]:
        return self.measured.get("wer_by_source") or {}


def read_run(folder: Path) -> ComparedRun:
    """Read any folder that is a run, of ours or of another's making."""
    if not folder.is_dir():
        message = f"{folder}: there is no such folder; name a study, a fit or an archived run"
        raise InputError(message, meant=meant_run(str(folder)))
    found, utterances = summary(folder), folder / "utterances.jsonl"
    measured: dict[str, Any] = {}
    description = None
    if found["kind"] == "study":
        study = load_study(folder)
        description = study.description
        if study.best is not None:
            measured, utterances = as_read(study.best.as_dict()), transcripts_path(folder, study.best.number)
    elif found["kind"] == "fit":
        description = read_description(folder)
        measured = dict(description.result or {})
    return ComparedRun(folder, found, measured, description, utterances)


def rows(runs: Sequence[ComparedRun]) -> list[tuple[str, list[str]]]:
    """What is known of each run, a line a property; a property that no run gives is left out."""
    buckets = list(dict.fromkeys(bucket for run in runs for bucket in run.wer_by_age_bucket))
    sources = list(dict.fromkeys(name for run in runs for name in run.wer_by_source))
    rate = shared_rate(runs)
    columns = [_column(run, buckets, sources, rate) for run in runs]
    lines = [(name, [column[name] for column in columns]) for name in columns[0]]
    return [(name, cells) for name, cells in lines if any(cell != NOTHING for cell in cells)]


def shared_rate(runs: Sequence[ComparedRun]) -> str:
    """WER or CER, whichever all of the runs are judged by."""
    rates = {run.summary.get("rate", "WER") for run in runs}
    return rates.pop() if len(rates) == 1 else "error rate"


def comparisons(runs: Sequence[ComparedRun]) -> list[str]:
    """A sentence for each two runs: their difference, where both scored the same utterances, else why there is none."""
    return [_compared(one, other) for one, other in combinations(runs, 2)]


def caveats(runs: Sequence[ComparedRun]) -> list[str]:
    """What a reader of the comparison must know first, each with the run that it holds of."""
    described = ((run.name, run.description) for run in runs if run.description is not None)
    return [f"{name}: {caveat}" for name, description in described for caveat in description.caveats()]


def _compared(one: ComparedRun, other: ComparedRun) -> str:
    both = f"{other.name} against {one.name}"
    if one.scored is None or other.scored is None:
        return f"{both}: error rates cannot be set against each other, without both runs' utterances."
    if not one.scored.pairs_with(other.scored):
        return f"{both}: scored on different utterances; their error rates cannot be set against each other."
    (found,) = compare([contender(other.name, [other.scored])], contender(one.name, [one.scored]))
    return (
        f"{both}: difference {signed(found.difference)}, 95 % {signed(found.low)} to {signed(found.high)} over "
        f"{found.num_children} children, one training each: what another seed would change is not in it."
    )


def _column(run: ComparedRun, buckets: Sequence[str], sources: Sequence[str], rate: str) -> dict[str, str]:
    """What is known of a run, by what a reader calls it."""
    found, measured = run.summary, run.measured
    learning_rate, size, accumulation = (
        found[key] for key in ("learning_rate", "batch_size", "gradient_accumulation_steps")
    )
    peaks = ((key.split("_")[2], measured.get(key)) for key in _MEMORY)
    cells = {
        "kind": found["kind"],
        "when": (found.get("when") or NOTHING)[:10],
        "weights at the start": found.get("model"),
        "variant": found.get("variant"),
        "language": found.get("language"),
        "scored after": measured.get("normaliser"),
        "batch × accumulation = effective": f"{size} × {accumulation} = {found['effective_batch_size']}"
        if size and accumulation
        else None,
        "learning rate": short(learning_rate) if learning_rate else None,
        "epochs": found.get("num_epochs"),
        "precision": measured.get("precision_used") or found.get("precision"),
        "seed": found.get("seed"),
        "steps": found.get("steps"),
        "clips trained on": found.get("examples_seen"),
        f"{rate} at the end": _number(found["eval_wer"], 3),
        f"lowest {rate}": _number(found["best_eval_wer"], 3),
        "CER at the end": _number(measured.get("eval_cer"), 3),
        **{f"{rate}, age {bucket}": number_text(run.wer_by_age_bucket.get(bucket), 3) for bucket in buckets},
        **{f"{rate}, {name}": number_text(run.wer_by_source.get(name), 3) for name in sources},
        "peak memory, GiB": next((f"{value:.2f} {kind}" for kind, value in peaks if value is not None), None),
        "clips/s in training": _number(measured.get("train_examples_per_s"), 1),
        "trials": found.get("trials"),
        "archived": (found.get("archived_at") or NOTHING)[:10],
        "why archived": found.get("why"),
    }
    return {name: NOTHING if cell is None else str(cell) for name, cell in cells.items()}


def _number(value: Any, digits: int) -> str:
    return number_text(value, digits) if value is None or isinstance(value, int | float) else str(value)
