"""A study as one Weights & Biases run: its results in; table, charts, transcripts, verdict and best.yaml there out."""

from typing import Any

import wandb

from raytrain.config.baseline import Tracking
from raytrain.results.choose import peak_memory_gib
from raytrain.results.records import Outcome
from raytrain.results.study_results import StudyResults, outcomes, value_of, varied_keys, worst_utterances
from raytrain.results.transcripts import counts
from raytrain.tracking.flat import flat_config
from raytrain.tracking.wandb_run import WandbRun, wandb_mode

_TRANSCRIPTS = 50
_MEASURES = ("outcome", "eval_wer", "best_so_far", "peak_memory_gib", "predicted_memory_gib", "train_examples_per_s")


def publish_study(tracking: Tracking, study: StudyResults) -> None:
    """Add the study's run beside its trials'; a study that goes on later renews it under the same id."""
    if wandb_mode(tracking) == "disabled" or not study.records:
        return
    name = study.folder.name
    run = WandbRun(
        tracking,
        run_id=f"{name}-study",
        name=name,
        group=name,
        job_type="study",
        tags=[study.description.baseline_name, study.description.space_name or ""],
        config=flat_config({"baseline": study.description.baseline, "space": study.space}),
        folder=study.folder,
    )
    run.attempt(lambda opened: _publish(opened, study))
    run.finish("completed", summary_of(study))


def summary_of(study: StudyResults) -> dict[str, Any]:
    """What a page of many studies is sorted by: the verdict and what it rests on."""
    told: dict[str, Any] = {
        "verdict": study.verdict.sentence,
        "finding": str(study.verdict.finding),
        "trials": len(study.records),
        **{f"trials_{outcome}": number for outcome, number, _ in outcomes(study.records)},
    }
    if study.best is not None:
        told |= {"best_trial": study.best.number, "eval_wer": study.best.eval_wer}
        found = study.verdict.comparisons.get(study.best.trial_id)
        if found is not None:
            told |= {"difference": found.difference, "difference_low": found.low, "difference_high": found.high}
    if study.baseline is not None:
        told["baseline_eval_wer"] = study.baseline.eval_wer
    return told


def trial_rows(study: StudyResults) -> tuple[list[str], list[list[Any]]]:
    """Columns, and a row a trial: what was varied and what was measured."""
    keys = varied_keys(study)
    rows, lowest = [], None
    for one in study.records:
        if one.outcome is Outcome.COMPLETED and one.eval_wer is not None and one.finalist_of is None:
            lowest = one.eval_wer if lowest is None else min(lowest, one.eval_wer)
        measures = [
            str(one.outcome), one.eval_wer, lowest, peak_memory_gib(one), one.predicted_memory_gib,
            one.train_examples_per_s,
        ]  # fmt: skip
        rows.append([one.number, one.effective_batch_size, *(value_of(one, key) for key in keys), *measures])
    return ["trial", "effective_batch_size", *keys, *_MEASURES], rows


def _publish(run: wandb.Run, study: StudyResults) -> None:
    columns, rows = trial_rows(study)
    trials = wandb.Table(columns=columns, data=rows, allow_mixed_types=True)
    scored = wandb.Table(columns=columns, data=[row for row in rows if row[columns.index("eval_wer")] is not None])
    said = [
        [
            row["utterance_id"],
            row["child_id"],
            row["age_bucket"],
            row["reference"],
            row["hypothesis"],
            counts(row).edits,
        ]
        for row in worst_utterances(study, count=_TRANSCRIPTS)
    ]
    heads = ["utterance_id", "child_id", "age_bucket", "reference", "hypothesis", "edits"]
    # All at one step, the number of trials: a study that goes on adds a row, and repeats none.
    run.log(
        {
            "all_trials": trials,
            "wer_against_memory": wandb.plot.scatter(scored, "peak_memory_gib", "eval_wer", title="WER against memory"),
            "best_so_far": wandb.plot.line(scored, "trial", "best_so_far", title="Best WER so far"),
            "worst_transcripts": wandb.Table(columns=heads, data=said),
        },
        step=len(rows),
        commit=True,
    )
    artifact = wandb.Artifact(f"{study.folder.name}-results", type="study")
    for file_name in ("best.yaml", "study.json", "trials.jsonl", "report.md", "report.html"):
        if (study.folder / file_name).is_file():
            artifact.add_file(str(study.folder / file_name))
    run.log_artifact(artifact)
