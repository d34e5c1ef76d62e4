"""What trackers are sent of a trial, a fit and a study: settings, records and figures in; ids, names, tags, values out.

Rows are a session's own, made flat on their way, as trackers plot, filter and sort flat values alone; tables, charts
and files of a study are in raytrain.tracking.published_study.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from raytrain.config.baseline import Baseline
from raytrain.config.dump import by_dotted_key, flat
from raytrain.config.languages import Rate
from raytrain.report.spent import spent_on
from raytrain.results.records import Row, TrialRecord
from raytrain.results.study_results import StudyResults, outcomes

_TAG_LETTERS = 64
_NAME_BYTES = 128
"""W&B's own limits; those of names count letters, and a run's folder has its id in a name of at most 255 bytes."""
_FROM_RECORD = (
    "eval_wer", "best_eval_wer", "eval_cer", "normaliser", "inherited_from", "reason", "predicted_memory_gib",
    "gpu_fraction",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunContent:
    """What a tracked run is called, what it is grouped and filtered by, and the settings shown beside it."""

    run_id: str
    """The same whenever the run is opened again, so that a resumed run goes on under it."""
    name: str
    """The run's title on its page, and its folder below tensorboard/."""
    group: str | None = None
    """The name of the study that the run belongs to; None for a fit."""
    job_type: Literal["trial", "fit", "study"]
    tags: tuple[str, ...]
    rate: Rate = "WER"
    """What the run is judged by."""
    config: Mapping[str, Any]
    """Flat, by the dotted key that settings have in files, spaces and sweeps."""


def trial_run(
    study_name: str, trial_id: str, *, number: int, config: Baseline, space_name: str | None = None
) -> RunContent:
    """One trial of a study; of its config the name shows how the batch is split, the learning rate and any adapter."""
    training, adapter = config.training, config.model.adapter
    split = f"{training.batch_size}x{training.gradient_accumulation_steps}"
    trained = "" if adapter is None else f" {adapter.kind} {adapter.rank}"
    return RunContent(
        run_id=plain_name(f"{study_name}-{trial_id}"),
        name=f"{trial_id} {split} lr {training.learning_rate:.2g}{trained}",
        group=_cut(study_name, _NAME_BYTES),
        job_type="trial",
        tags=_tags(config.model.variant, space_name, "baseline" if number == 0 else None),
        rate=config.model.rate(),
        config=by_dotted_key(config),
    )


def trial_row(row: Row, *, predicted_memory_gib: float | None) -> dict[str, Any]:
    """The row of one evaluation, with the prediction beside the measured memory."""
    return {**row.as_dict(), "predicted_memory_gib": predicted_memory_gib}


def trial_summary(record: TrialRecord, *, last_row: Mapping[str, Any]) -> dict[str, Any]:
    """The trial's last row, and what its record alone knows; the record's figures count where both have one."""
    return {**last_row, **{name: getattr(record, name) for name in _FROM_RECORD}}


def fit_run(folder_name: str, config: Baseline) -> RunContent:
    """One fit, under the name of its folder."""
    return RunContent(
        run_id=plain_name(folder_name),
        name=_cut(folder_name, _NAME_BYTES),
        job_type="fit",
        tags=_tags(config.model.variant),
        rate=config.model.rate(),
        config=by_dotted_key(config),
    )


def study_run(study: StudyResults) -> RunContent:
    """A study's own run, in the group of its trials, with its baseline's and its space's settings."""
    name, asked = study.folder.name, study.description
    settings = {"baseline": asked.baseline.model_dump(), "space": asked.asked.model_dump()}
    return RunContent(
        run_id=plain_name(f"{name}-study"),
        name=_cut(name, _NAME_BYTES),
        group=_cut(name, _NAME_BYTES),
        job_type="study",
        tags=_tags(asked.baseline_name, asked.space_name),
        rate=study.rate,
        config=flat(settings, separator="."),
    )


def study_summary(study: StudyResults) -> dict[str, Any]:
    """What a page of many studies is sorted by: the verdict and what it rests on."""
    summary: dict[str, Any] = {
        "verdict": study.verdict.sentence,
        "finding": str(study.verdict.finding),
        "trials": len(study.records),
        **{f"trials_{outcome}": number for outcome, number, _ in outcomes(study.records)},
    }
    if study.best is not None:
        summary |= {"best_trial": study.best.number, "eval_wer": study.best.eval_wer}
        found = study.verdict.comparisons.get(study.best.trial_id)
        if found is not None:
            summary |= {"difference": found.difference, "difference_low": found.low, "difference_high": found.high}
    if study.baseline is not None:
        summary["baseline_eval_wer"] = study.baseline.eval_wer
    spent = spent_on(study)
    summary["hours"] = spent.hours
    if (money := spent.money(spent.hours)) is not None:
        summary["money"] = money
    return summary


def flat_row(row: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a row, tables of numbers by `name/key`: {"wer_by_age_bucket/5-7": 0.2}."""
    return {key: value for key, value in flat(row, separator="/").items() if _is_number(value)}


def flat_summary(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as in a row, and what else is a single value: texts, switches and null."""
    single = {key: value for key, value in summary.items() if value is None or isinstance(value, str | bool)}
    return {**single, **flat_row(summary)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _tags(*tags: str | None) -> tuple[str, ...]:
    return tuple(_cut(tag, _TAG_LETTERS) for tag in tags if tag)


def _cut(text: str, letters: int) -> str:
    """A text of at most so many letters, all of which can be sent."""
    sent = text.encode(errors="replace").decode()  # a file's name may hold bytes that are no text
    return sent if len(sent) <= letters else f"{sent[: letters - 1]}…"


def plain_name(name: str) -> str:
    """A name as W&B takes it for runs and artifacts; one that has to be changed keeps a mark of its own."""
    plain = re.sub(r"[:;,#?/'\\%\x00-\x1f\ud800-\udfff]", "-", name).strip()
    if plain == name and len(name.encode()) <= _NAME_BYTES:
        return name
    mark = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{plain.encode()[: _NAME_BYTES - 1 - len(mark)].decode(errors='ignore')}-{mark}"
