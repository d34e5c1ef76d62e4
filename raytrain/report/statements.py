"""A study's results in; the sentences, facts and commands that its report gives, as plain values, out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from raytrain.config.baseline import Data
from raytrain.config.languages import language_name, normaliser_of
from raytrain.report.edits import number_edits
from raytrain.report.table import product_text
from raytrain.results.choose import peak_memory_gib
from raytrain.results.early_end import early_end
from raytrain.results.learned import learned
from raytrain.results.records import Outcome, TrialRecord, also_at
from raytrain.results.study_results import StudyResults
from raytrain.results.transcripts import Scored, counts
from raytrain.results.word_errors import WordErrors
from raytrain.results.wording import NOTHING, counted, duration_text, number_text, short, signed, trained_text


class Fact(NamedTuple):
    """One line of the comparison of the best trial with the baseline."""

    name: str
    best: str
    baseline: str
    difference: str = ""


def facts(study: StudyResults) -> list[Fact]:
    """The best trial beside the baseline; nothing where one of them is missing."""
    if study.best is None or study.baseline is None:
        return []
    best, baseline = both = (study.best, study.baseline)
    rate = study.rate
    buckets = dict.fromkeys([*baseline.wer_by_age_bucket, *best.wer_by_age_bucket])
    sources = dict.fromkeys([*baseline.wer_by_source, *best.wer_by_source])
    sets = dict.fromkeys([*baseline.also, *best.also])
    found = [
        Fact("batch × accumulation = effective", *map(product_text, both)),
        Fact("learning rate", *(short(one.config.training.learning_rate) for one in both)),
        *([Fact("trained", *(trained_text(one.config) for one in both))] if _adapted(both) else []),
        *_repeated(study),
        _measured(rate, *(one.eval_wer for one in both), digits=3),
        *([_measured("CER", *(one.eval_cer for one in both), digits=3)] if rate != "CER" else []),
        *(
            _measured(f"{rate}, age {age}", *(one.wer_by_age_bucket.get(age) for one in both), digits=3)
            for age in buckets
        ),
        *(_measured(f"{rate}, {name}", *(one.wer_by_source.get(name) for one in both), digits=3) for name in sources),
        *(_measured(f"{rate}, {name}", *(one.also.get(name) for one in both), digits=3) for name in sets),
        *(
            Fact(f"{rate}, {name}, before training", number_text(wer, 3), number_text(wer, 3))
            for name, wer in published_also(study).items()
        ),
        _measured(f"{memory_name(both)}, GiB", *map(peak_memory_gib, both), digits=2),
        *(
            [_measured("predicted GPU memory, GiB", *(one.predicted_memory_gib for one in both), digits=2)]
            if on_gpu(study.records)
            else []
        ),
        _measured("clips/s in training", *(one.train_examples_per_s for one in both), digits=1),
        Fact("clips trained on", *(str(one.examples_seen) for one in both)),
        Fact("time", *(duration_text(one.wall_s) for one in both)),
    ]
    return [fact for fact in found if (fact.best, fact.baseline) != (NOTHING, NOTHING)]


def _repeated(study: StudyResults) -> list[Fact]:
    """The means of the further trainings, by which finalists are judged; all else is of the search's own."""
    judged, best = study.verdict.judged, study.best
    if judged is None or judged.comparison.num_seeds < 2 or "baseline" in (study.roles(best) if best else []):
        return []
    name = f"{study.rate}, mean of {judged.comparison.num_seeds} further trainings"
    return [_measured(name, judged.wer, judged.baseline_wer, digits=3)]


def published_also(study: StudyResults) -> dict[str, float]:
    """Error rates of the weights as they came on further sets, by name: trial 0 scores them first."""
    return {} if study.baseline is None else also_at(study.baseline.history, 0)


def scored_by(study: StudyResults) -> str:
    """Which rate the trials were judged by, and after which normaliser. Records of earlier versions name none; they
    were scored after Whisper's English one, whatever the language."""
    named = {record.normaliser for record in study.records if record.eval_wer is not None}
    normalisers = sorted(normaliser_of("en") if name is None else name for name in named)
    return f"{study.rate}: {' and '.join(normalisers)}" if normalisers else ""


def searched(study: StudyResults) -> list[str]:
    """How the search went: what it learnt from earlier studies, and that it was over before its trials were."""
    ended = early_end(study.folder)
    found = [one.sentence() for one in learned(study.folder)]
    return found if ended is None else [*found, f"The search ended by itself: {ended.sentence(study.rate)}."]


def numbers_sentence(study: StudyResults) -> str:
    """How many of the best trial's errors are one number written in two ways; empty where none is."""
    language = study.description.baseline.model.text_language()
    return numbers_told(study.utterances(study.best), language, whose="the best trial")


def numbers_told(rows: Sequence[Scored], language: str, *, whose: str) -> str:
    """How many of the errors in these rows are one number written in two ways; empty where none is."""
    found = sum(number_edits(row["reference"], row["hypothesis"], language) for row in rows if counts(row).edits)
    errors = WordErrors.total(map(counts, rows)).edits
    if not found:
        return ""
    kind = "numbers in words against the same in digits, as 1 2 3 for one two three"
    if language != "en":
        kind = "digits on one side where the other has words, as 3 for drei, mostly the same number"
    share = f"{found} of {whose}'s {errors} errors {'is' if found == 1 else 'are'} of this kind"
    return f"{share}: {kind}. They count, as in the field's own scorers."


def memory_name(records: Iterable[TrialRecord]) -> str:
    """Which peak the figures show: the card's, or on a CPU the process's."""
    reserved = any(record.peak_memory_reserved_gib is not None for record in records)
    return "peak memory reserved" if reserved else "peak memory resident"


def on_gpu(records: Iterable[TrialRecord]) -> bool:
    """Whether a GPU trained any of them: a memory predicted on one says nothing of another machine."""
    return any(one.gpu_fraction is not None or one.peak_memory_reserved_gib is not None for one in records)


def warnings(study: StudyResults) -> list[str]:
    """What a reader should doubt: trials lost, a limit that the baseline itself breaks."""
    missed = [name for name, by in (study.baseline.over if study.baseline else {}).items() if by > 0]
    found = []
    for outcome, fact in (
        (Outcome.FAILED, "failed by a fault, not by their values; see reasons."),
        (Outcome.OUT_OF_MEMORY, "ran out of memory; a smaller limit proposes fewer such."),
    ):
        number = sum(record.outcome is outcome for record in study.records)
        if number:
            found.append(f"{number} of {counted(len(study.records), 'trial')} {fact}")
    return found + [f"The baseline itself breaks keep.{name}; no trial that does can be the best." for name in missed]


def cost(study: StudyResults) -> str:
    """What the study took: hours of trials, and of GPUs by the share that each trial held."""
    trial_hours = sum(record.wall_s for record in study.records) / 3600
    shares = [one.wall_s * cards_taken(one) / 3600 for one in study.records if one.gpu_fraction is not None]
    clips = sum(record.examples_seen for record in study.records if record.inherited_from is None)
    gpu = f", {sum(shares):.2f} GPU-hours" if shares else ", no GPU"
    return f"{counted(len(study.records), 'trial')}, {trial_hours:.2f} trial-hours{gpu}, {clips} clips trained on."


def cards_taken(record: TrialRecord) -> float:
    """How many GPUs all workers of a trial held; 0 on a CPU."""
    return (record.gpu_fraction or 0.0) * record.config.scaling.num_workers


def provenance_lines(study: StudyResults) -> list[tuple[str, str]]:
    """What a study's results were made with, as pairs of a name and its value."""
    made, description = study.description.provenance, study.description
    commit: Mapping[str, Any] = made.get("commit") or {}
    hardware: Mapping[str, Any] = made.get("hardware") or {}
    gpus = [f"{gpu['name']} ({number_text(gpu.get('memory_gib'), 1)} GiB)" for gpu in hardware.get("gpus") or []]
    precisions = sorted({one.precision_used for one in study.records if one.precision_used})
    seeds = [f"{key} {value}" for key, value in (made.get("seeds") or {}).items()]
    versions = [f"{name} {version}" for name, version in (made.get("versions") or {}).items() if version]
    pairs = [
        ("baseline", description.baseline_name),
        ("search space", description.space_name or NOTHING),
        ("weights", description.baseline.model.pretrained or "random"),
        ("language", language_name(description.baseline.model.text_language())),
        ("scored by", scored_by(study)),
        ("training data", _manifests(description.baseline.data)),
        # What is true or false of the data the caveats say, in words.
        *(
            (key.replace("_", " "), _counted(value))
            for key, value in description.data.items()
            if not isinstance(value, bool)
        ),
        ("commit", commit.get("hash", NOTHING) + (", with changes not committed" if commit.get("dirty") else "")),
        ("hardware", f"{hardware.get('cpu', NOTHING)}, {hardware.get('cores', NOTHING)} cores"),
        ("GPUs", ", ".join(gpus) or "none"),
        ("precision", ", ".join(precisions) or NOTHING),
        ("seeds", ", ".join(seeds) or NOTHING),
        ("Python", str(made.get("python", NOTHING))),
        ("versions", ", ".join(versions)),
    ]
    return [(name, value) for name, value in pairs if value]


def _measured(name: str, best: float | None, baseline: float | None, *, digits: int) -> Fact:
    """A fact with its difference: absolute for a rate of three digits, for all else in per cent."""
    if best is None or baseline is None:
        difference = ""
    elif digits == 3:
        difference = signed(best - baseline)
    else:
        difference = f"{(best / baseline - 1) * 100:+.0f} %".replace("-", "−") if baseline else ""
    return Fact(name, number_text(best, digits), number_text(baseline, digits), difference)


def _adapted(records: Iterable[TrialRecord]) -> bool:
    return any(record.config.model.adapter is not None for record in records)


def _manifests(data: Data) -> str:
    """The manifests to train on; of several the names, and how often an epoch hears each where not once."""
    if isinstance(data.train_manifest, str):
        return data.train_manifest
    weights = (f", {one.weight:g} times an epoch" if one.weight != 1 else "" for one in data.train_sources())
    told = zip(data.train_sources(), weights, strict=True)
    return "; ".join(f"{one.name}: {one.manifest}{often}" for one, often in told)


def _counted(value: Any) -> str:
    """A value of the data's description in words: a list by its length, counts by group with their sum."""
    if isinstance(value, list):
        return str(len(value))
    if isinstance(value, dict) and all(isinstance(number, int) for number in value.values()):
        return f"{sum(value.values())} ({', '.join(f'{key}: {number}' for key, number in value.items())})"
    return str(value)
