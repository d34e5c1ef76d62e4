"""A study's folder in; everything that is said of it, in the terminal and in reports, as plain values out."""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from raytrain.config.space import Choice, Variation
from raytrain.errors import InputError
from raytrain.files import read_json
from raytrain.report.table import TrialTable, product_text, trial_table
from raytrain.results.choose import pareto_front, peak_memory_gib
from raytrain.results.description import Description, read_description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.transcripts import counts, read_rows, transcripts_path
from raytrain.results.verdict import Verdict, label, verdict
from raytrain.results.wording import NOTHING, duration_text, key_name, number_text, short, signed


@dataclass(frozen=True)
class StudyResults:
    """What a study's files hold, and what follows from them."""

    folder: Path
    description: Description
    records: list[TrialRecord]
    verdict: Verdict
    importance: dict[str, float] = field(default_factory=dict)
    """By varied key, its share in what sets the best trials apart; empty where nobody worked it out."""

    @property
    def vary(self) -> Mapping[str, Variation]:
        """What the study varied, by dotted key."""
        return {} if self.description.space is None else self.description.space.vary

    @property
    def best(self) -> TrialRecord | None:
        return self.verdict.best

    @property
    def baseline(self) -> TrialRecord | None:
        return self.verdict.baseline

    @cached_property
    def front(self) -> list[TrialRecord]:
        """Where the study looks for one, the trials that no other beats; lowest WER first."""
        limit = self.description.memory_limit_gib
        return pareto_front(self.records, memory_limit_gib=limit) if self.description.is_pareto else []

    @cached_property
    def table(self) -> TrialTable:
        return trial_table(self.records, best=self.best, baseline=self.baseline)

    def utterances(self, record: TrialRecord | None) -> list[dict[str, Any]]:
        """A trial's utterances as last scored."""
        return [] if record is None else list(read_rows(transcripts_path(self.folder, record.number)))

    def scored(self) -> list[TrialRecord]:
        """Trials with a WER, by number."""
        return sorted((one for one in self.records if one.eval_wer is not None), key=lambda one: one.number)


def load_study(folder: Path) -> StudyResults:
    """Read a study, finished or not."""
    description = read_description(folder)
    if description.space is None:
        raise InputError(f"{folder}: a fit, with no trials; a report is of a study, or of several runs side by side")
    records = sorted(Ledger(folder).read(), key=lambda record: (record.number, record.started_at))
    found = verdict(records, folder, memory_limit_gib=description.memory_limit_gib)
    path = folder / "importance.json"
    return StudyResults(folder, description, records, found, read_json(path) if path.exists() else {})


@dataclass(frozen=True)
class Fact:
    """One line of the winner beside the baseline."""

    name: str
    best: str
    baseline: str
    difference: str = ""


def facts(study: StudyResults) -> list[Fact]:
    """The winner beside the baseline; nothing where one of them is missing."""
    best, baseline = study.best, study.baseline
    if best is None or baseline is None:
        return []
    told = [
        Fact("batch × accumulation = effective", product_text(best), product_text(baseline)),
        Fact("learning rate", *(short(one.config.training.learning_rate) for one in (best, baseline))),
        _fact("WER", best.eval_wer, baseline.eval_wer, 3),
    ]
    for bucket in dict.fromkeys([*baseline.wer_by_age_bucket, *best.wer_by_age_bucket]):
        told.append(
            _fact(f"WER, age {bucket}", best.wer_by_age_bucket.get(bucket), baseline.wer_by_age_bucket.get(bucket), 3)
        )
    told += [
        _fact(f"{memory_name([best, baseline])}, GiB", peak_memory_gib(best), peak_memory_gib(baseline), 2),
        _fact("predicted GPU memory, GiB", best.predicted_memory_gib, baseline.predicted_memory_gib, 2),
        _fact("clips/s in training", best.train_examples_per_s, baseline.train_examples_per_s, 1),
        Fact("clips trained on", str(best.examples_seen), str(baseline.examples_seen)),
        Fact("time", duration_text(best.wall_s), duration_text(baseline.wall_s)),
    ]
    return [fact for fact in told if (fact.best, fact.baseline) != (NOTHING, NOTHING)]


def memory_name(records: Iterable[TrialRecord]) -> str:
    """Which peak the figures show: the card's, or on a CPU the process's."""
    reserved = any(record.peak_memory_reserved_gib is not None for record in records)
    return "peak memory reserved" if reserved else "peak memory resident"


def outcomes(records: Iterable[TrialRecord]) -> list[tuple[Outcome, int, list[str]]]:
    """How many trials ended in each way that occurred, and why: each reason once, with the trials it befell."""
    count: dict[Outcome, int] = defaultdict(int)
    reasons: dict[Outcome, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        count[record.outcome] += 1
        if record.reason:
            reasons[record.outcome][record.reason].append(record.number)
    told = []
    for outcome in Outcome:
        if count[outcome]:
            why = [f"trial {', '.join(map(str, numbers))}: {reason}" for reason, numbers in reasons[outcome].items()]
            told.append((outcome, count[outcome], why))
    return told


def warnings(study: StudyResults) -> list[str]:
    """What a reader should doubt: a best value at the edge of its range, trials lost, a limit that nobody measured."""
    told = []
    if study.best is not None:
        drawn = [(key, value, study.vary[key]) for key, value in study.best.sample.items() if key in study.vary]
        told = [edge for one in drawn if (edge := _at_edge(*one)) is not None]
    failed = [record for record in study.records if record.outcome is Outcome.FAILED]
    if failed:
        told.append(
            f"{len(failed)} of {len(study.records)} trials failed by a fault, not by their values; see reasons."
        )
    cut = [one for one in study.records if one.outcome is Outcome.OUT_OF_MEMORY]
    if cut:
        told.append(
            f"{len(cut)} of {len(study.records)} trials ran out of memory; a smaller limit proposes fewer such."
        )
    return told


def cost(study: StudyResults) -> str:
    """What the study took: hours of trials, and of GPUs by the share that each trial held."""
    trial_hours = sum(record.wall_s for record in study.records) / 3600
    shares = [one.wall_s * cards_taken(one) / 3600 for one in study.records if one.gpu_fraction is not None]
    clips = sum(record.examples_seen for record in study.records if record.inherited_from is None)
    gpu = f", {sum(shares):.2f} GPU-hours" if shares else ", no GPU"
    return f"{len(study.records)} trials, {trial_hours:.2f} trial-hours{gpu}, {clips} clips trained on."


def cards_taken(record: TrialRecord) -> float:
    """By all workers of a trial; 0 on a CPU."""
    return (record.gpu_fraction or 0.0) * record.config.scaling.num_workers


def commands(study: StudyResults) -> list[tuple[str, str]]:
    """How to go on: train with the best values, search again as here, look at it."""
    storage = study.description.baseline.storage
    name = shlex.quote(f"{'results' if '://' in storage else storage}/{study.folder.name}")
    told = []
    if study.best is not None:
        told.append(("train with the best values", f"python -m raytrain.fit --config {name}/best.yaml"))
    if study.front:
        told.append(
            ("train with another trial of the front", f"python -m raytrain.fit --config {name}/front/TRIAL.yaml")
        )
    line = study.description.provenance.get("command_line")
    if line:
        told.append(("repeat this study", shlex.join(line)))
    told.append(("go on with it, with more trials", f"python -m raytrain.tune --resume {name} --trials N"))
    return told


def worst_utterances(study: StudyResults, *, count: int) -> list[dict[str, Any]]:
    """Those of the best trial with most edits, the longest-winded errors first."""
    rows = [row for row in study.utterances(study.best) if counts(row).edits]
    return sorted(rows, key=lambda row: (-counts(row).edits, -counts(row).wer, row["utterance_id"]))[:count]


def provenance_lines(study: StudyResults) -> list[tuple[str, str]]:
    """What made these results, in pairs of words."""
    made, description = study.description.provenance, study.description
    commit = made.get("commit") or {}
    hardware = made.get("hardware") or {}
    gpus = [f"{gpu['name']} ({number_text(gpu.get('memory_gib'), 1)} GiB)" for gpu in hardware.get("gpus") or []]
    told = [
        ("baseline", description.baseline_name),
        ("search space", description.space_name or NOTHING),
        ("weights", description.baseline.model.pretrained or "random"),
        ("training data", description.baseline.data.train_manifest),
        *((key.replace("_", " "), _counted(value)) for key, value in description.data.items()),
        ("commit", commit.get("hash", NOTHING) + (", with changes not committed" if commit.get("dirty") else "")),
        ("hardware", f"{hardware.get('cpu', NOTHING)}, {hardware.get('cores', NOTHING)} cores"),
        ("GPUs", ", ".join(gpus) or "none"),
        (
            "precision",
            ", ".join(sorted({one.precision_used for one in study.records if one.precision_used})) or NOTHING,
        ),
        ("seeds", ", ".join(f"{key} {value}" for key, value in (made.get("seeds") or {}).items()) or NOTHING),
        ("Python", str(made.get("python", NOTHING))),
        (
            "versions",
            ", ".join(f"{name} {version}" for name, version in (made.get("versions") or {}).items() if version),
        ),
    ]
    return [(name, value) for name, value in told if value]


def varied_keys(study: StudyResults) -> list[str]:
    """The keys that the study varied, those that samples hold first named in the space."""
    named = list(study.vary)
    return named + sorted({key for record in study.records for key in record.sample} - set(named))


def trial_title(record: TrialRecord) -> str:
    """trial 3: batch 8 × 5, lr 1.6e-5."""
    return f"trial {record.number}: {label(record)}"


def _fact(name: str, best: float | None, baseline: float | None, digits: int) -> Fact:
    if best is None or baseline is None:
        difference = ""
    elif digits == 3:
        difference = signed(best - baseline)
    else:
        difference = f"{(best / baseline - 1) * 100:+.0f} %".replace("-", "−") if baseline else ""
    return Fact(name, number_text(best, digits), number_text(baseline, digits), difference)


def _at_edge(key: str, value: Any, allowed: Variation) -> str | None:
    """A sentence where the best value is the lowest or highest that could be drawn."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(allowed, Choice):
        numbers = [one for one in allowed.values if isinstance(one, int | float) and not isinstance(one, bool)]
        low, high, log = min(numbers, default=0), max(numbers, default=0), False
    else:
        low, high, log = allowed.low, allowed.high, allowed.log
    if low == high:
        return None
    # A continuous draw hits an end with probability nought: the last fiftieth counts as the end.
    near = 0.02 * (high - low)
    ends = (low * (high / low) ** 0.02, high * (low / high) ** 0.02) if log else (low + near, high - near)
    # Nothing lies below no weight decay, or below one utterance.
    bottom = low == 0 or (low == 1 and isinstance(low, int))
    for end, at in (("lower", value <= ends[0] and not bottom), ("upper", value >= ends[1])):
        if at:
            allowed_text = f"{short(low)} to {short(high)}"
            return (
                f"The best {key_name(key)}, {short(value)}, is at the {end} end of its range, {allowed_text}: widen it."
            )
    return None


def _counted(value: Any) -> str:
    """A list by its length, numbers by group with their sum."""
    if isinstance(value, list):
        return str(len(value))
    if isinstance(value, dict) and all(isinstance(number, int) for number in value.values()):
        return f"{sum(value.values())} ({', '.join(f'{key}: {number}' for key, number in value.items())})"
    return str(value)
