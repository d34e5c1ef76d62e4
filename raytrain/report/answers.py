"""What a person asks of a study, in this order: did it help, which configuration, how sure, at what cost, what now."""

from collections.abc import Mapping
from dataclasses import dataclass

from raytrain.report.next_steps import Step, next_step, place_of
from raytrain.results.choose import peak_memory_gib
from raytrain.results.power import Needed, needed
from raytrain.results.records import TrialRecord
from raytrain.results.study_results import StudyResults
from raytrain.results.verdict import Finding
from raytrain.results.wording import key_name, short, signed, split_text, trained_text, value_text

_TOLD = ("training.batch_size", "training.gradient_accumulation_steps", "training.learning_rate")
_OPEN = (Finding.TOO_LITTLE_DATA, Finding.NOT_DISTINGUISHABLE)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The answers of one study, as sentences that stand alone; what is not known is "" or left out."""

    rates: Mapping[str, float]
    """Error rates of the weights as they came, of the baseline and of the best, in this order and by these names."""
    chain: str
    """The same in a line: WER as published 0.371 → baseline 0.175 → best 0.148."""
    helped: str
    """Whether fine-tuning helped at all."""
    which: str
    """The best configuration, and what the baseline has in its place."""
    how_sure: str
    """The verdict's sentence, with its interval."""
    would_take: str
    """What would tell the two apart, where the verdict cannot."""
    costs: str
    """What the best takes of memory and time, beside the baseline."""
    next: Step
    """The one step that follows."""


def answers(study: StudyResults, *, place: str | None = None) -> Answers:
    """The answers that a study's files give; `place` is how its commands name its folder, if not by its storage."""
    rates, enough = _rates(study), _needed(study)
    return Answers(
        rates=rates,
        chain=f"{study.rate} {' → '.join(f'{name} {rate:.3f}' for name, rate in rates.items())}" if rates else "",
        helped=_helped(study, rates),
        which=_which(study),
        how_sure=study.verdict.sentence,
        would_take=_would_take(study, enough),
        costs=_costs(study),
        next=next_step(study, needed=enough, place=place or place_of(study)),
    )


def _rates(study: StudyResults) -> dict[str, float]:
    """Where trainings were repeated, the means of those that judge: the one that made a finalist was lucky."""
    best, baseline, judged = study.best, study.baseline, study.verdict.judged
    published = (
        next((row.get("eval_wer") for row in baseline.history if row.get("step") == 0), None) if baseline else None
    )
    rates = {
        _at_first(study): published,
        "baseline": (judged.baseline_wer if judged else baseline.eval_wer) if baseline else None,
        "best": (judged.wer if judged else best.eval_wer) if best and not _is_baseline(study) else None,
    }
    return {name: rate for name, rate in rates.items() if rate is not None}


def _at_first(study: StudyResults) -> str:
    """How the weights before training are called: a folder's may be anything, a hub's are as published."""
    pretrained = study.description.baseline.model.pretrained
    return "as published" if pretrained is not None and not pretrained.startswith("/") else "before training"


def _helped(study: StudyResults, rates: Mapping[str, float]) -> str:
    first = _at_first(study)
    trained = rates.get("best", rates.get("baseline"))
    if study.description.random_weights:
        return "The weights were random at the start: there was nothing to help."
    if trained is None:
        return "Nothing was trained to its end: whether fine-tuning helps is not known."
    if first not in rates:
        return f"Whether fine-tuning helped is not known: the weights {first} were not scored."
    share = (rates[first] - trained) / rates[first] if rates[first] else 0.0
    if round(share, 2) > 0:
        return f"Fine-tuning helped: {share:.0%} fewer errors than {first}.".replace("%", " %")
    return f"Fine-tuning did not help: the weights {first} err {'less' if round(share, 2) < 0 else 'as little'}."


def _which(study: StudyResults) -> str:
    best, baseline = study.best, study.baseline
    if best is None:
        return "None: no trial was trained to its end."
    if baseline is None:
        return f"Trial {best.number}: {', '.join(_values(best, best).values())}."
    kept = f"The baseline: {split_text(baseline.config)}, learning rate {short(baseline.config.training.learning_rate)}"
    if _is_baseline(study):
        return f"{kept}."
    ours, theirs = _values(best, baseline), _values(baseline, best)
    differing = [name for name in ours if ours[name] != theirs[name]]
    told = ", ".join(ours[name] for name in differing) or "the baseline's own values"
    if study.verdict.finding is Finding.NOT_DISTINGUISHABLE:
        return f"{kept}. Trial {best.number} scored lower, but not surely: {told}."
    if differing:
        told += f"; the baseline has {', '.join(theirs[name].removeprefix(f'{name} ') for name in differing)}"
    lowest = " scored lowest" if study.verdict.finding is Finding.TOO_LITTLE_DATA else ""
    return f"Trial {best.number}{lowest}: {told}."


def _values(one: TrialRecord, other: TrialRecord) -> dict[str, str]:
    """A configuration in words by name: its split, its rate, what it trains, and what either was sampled with."""
    adapted = any(record.config.model.adapter is not None for record in (one, other))
    sampled = [key for key in {**one.sample, **other.sample} if key not in _TOLD]
    names = {key: key_name(key) for key in sampled if not key.startswith("model.adapter.")}
    return {
        "batch": split_text(one.config),
        "learning rate": f"learning rate {short(one.config.training.learning_rate)}",
        **({"trained": trained_text(one.config)} if adapted else {}),
        **{name: f"{name} {value_text(one.config.value_at(key))}" for key, name in names.items()},
    }


def _needed(study: StudyResults) -> Needed | None:
    judged, search = study.verdict.judged, study.description.asked.search
    if judged is None or study.verdict.finding not in _OPEN or study.description.random_weights:
        return None
    repeated = judged.comparison.num_seeds > 1
    return needed(judged.comparison, at_once=len(study.verdict.comparisons) if repeated else max(1, search.finalists))


def _would_take(study: StudyResults, enough: Needed | None) -> str:
    """What would decide it, where the verdict is open."""
    if enough is None:
        return ""
    told = f"about {_round(enough.children)} children and {enough.seeds} seeds would tell a difference of"
    judged = study.verdict.judged
    blind = judged is not None and judged.comparison.num_seeds < 2
    caution = ", if trainings differ little by luck" if blind else ""
    return f"{told[0].upper()}{told[1:]} {signed(enough.difference).lstrip('+')}{caution}."


def _round(number: int) -> str:
    """A number of children in two digits, upwards."""
    unit = 10 ** max(0, len(str(number)) - 2)
    return f"{-(-number // unit) * unit:,}"


def _costs(study: StudyResults) -> str:
    """Peak memory and the time of training alone, by clips: trials are not all trained for as long."""
    best, baseline = study.best, study.baseline
    if best is None:
        return ""
    other = None if baseline is None or _is_baseline(study) else baseline
    parts = [
        _beside("{} GiB of memory", peak_memory_gib(best), peak_memory_gib(other) if other else None, digits=2),
        _beside("{} s to train on 1,000 clips", _seconds(best), _seconds(other) if other else None, digits=1),
    ]
    told = ", ".join(part for part in parts if part)
    # Where the baseline is to be kept, nobody knows otherwise of which of the two this is told.
    whose = f"Trial {best.number}: " if other and study.verdict.finding is Finding.NOT_DISTINGUISHABLE else ""
    return f"{whose}{told}." if told else ""


def _seconds(one: TrialRecord) -> float | None:
    """Of training alone, for 1000 clips."""
    return 1000 / one.train_examples_per_s if one.train_examples_per_s else None


def _beside(form: str, ours: float | None, theirs: float | None, *, digits: int) -> str:
    if ours is None:
        return ""
    told = form.format(f"{ours:.{digits}f}")
    if not theirs:
        return told
    change = f"{(ours / theirs - 1) * 100:+.0f} %".replace("-", "−")
    return f"{told} (baseline {theirs:.{digits}f}, {change})"


def _is_baseline(study: StudyResults) -> bool:
    return study.best is not None and study.baseline is not None and study.best.trial_id == study.baseline.trial_id
