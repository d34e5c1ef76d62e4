"""A study as one Weights & Biases run: its results in; table, charts, transcripts, verdict and best.yaml there out."""

from collections.abc import Mapping
from typing import Any

import wandb

from raytrain.config.baseline import Tracking
from raytrain.report.edits import marked
from raytrain.results.choose import peak_memory_gib, undominated
from raytrain.results.description import Description
from raytrain.results.records import Outcome
from raytrain.results.study_results import StudyResults, outcomes, varied_keys, worst_utterances
from raytrain.results.transcripts import counts
from raytrain.tracking.flat import flat_config
from raytrain.tracking.wandb_run import WandbRun, wandb_mode

_TRANSCRIPTS = 50
_MEASURES = ("outcome", "eval_wer", "best_so_far", "peak_memory_gib", "predicted_memory_gib", "train_examples_per_s")


def publish_study(tracking: Tracking, study: StudyResults, *, with_checkpoint: bool = False) -> None:
    """Add the study's run beside its trials'; a study that goes on later renews it under the same id.

    `with_checkpoint` sends the best trial's weights, too.
    """
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
        config=flat_config(_asked(study.description)),
        folder=study.folder,
    )
    run.attempt(lambda opened: _publish(opened, study, with_checkpoint=with_checkpoint))
    run.finish("completed", summary_of(study))


def _asked(description: Description) -> dict[str, Any]:
    space = description.space
    return {"baseline": description.baseline.model_dump(), "space": {} if space is None else space.model_dump()}


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
        rows.append([one.number, one.effective_batch_size, *(one.config.value_at(key) for key in keys), *measures])
    return ["trial", "effective_batch_size", *keys, *_MEASURES], rows


def _publish(run: wandb.Run, study: StudyResults, *, with_checkpoint: bool) -> None:
    columns, rows = trial_rows(study)
    shown: dict[str, Any] = {
        "all_trials": wandb.Table(columns=columns, data=rows, allow_mixed_types=True),
        "worst_transcripts": _transcripts(study),
    }
    # All at one step, the number of trials: a study that goes on adds a row, and repeats none.
    run.log(shown | _charts(study, columns, rows), step=len(rows), commit=True)
    artifact = wandb.Artifact(f"{study.folder.name}-results", type="study")
    for file_name in ("best.yaml", "study.json", "trials.jsonl", "report.md", "report.html"):
        if (study.folder / file_name).is_file():
            artifact.add_file(str(study.folder / file_name))
    run.log_artifact(artifact)
    if with_checkpoint and study.best is not None and study.best.checkpoint is not None:
        weights = wandb.Artifact(f"{study.folder.name}-best", type="model", metadata={"trial": study.best.number})
        # Sent from where they lie: no second copy of gigabytes.
        weights.add_dir(str(study.folder / study.best.checkpoint), policy="immutable")
        run.log_artifact(weights)


def _charts(study: StudyResults, columns: list[str], rows: list[list[Any]]) -> dict[str, Any]:
    """Those that have something to show."""
    plot, wer, memory = wandb.plot, columns.index("eval_wer"), columns.index("peak_memory_gib")
    scored = [row for row in rows if row[wer] is not None]
    measured = wandb.Table(columns=columns, data=[row for row in scored if row[memory] is not None])
    front = wandb.Table(columns=["peak_memory_gib", "eval_wer", "trial"], data=_front(study))
    mattered = wandb.Table(columns=["value", "importance"], data=[list(pair) for pair in study.importance.items()])
    best = wandb.Table(columns=columns, data=scored)
    charts: dict[str, Any] = {}
    if scored:
        charts["best_so_far"] = plot.line(best, "trial", "best_so_far", title="Best WER so far")
    if measured.data:
        charts["wer_against_memory"] = plot.scatter(measured, "peak_memory_gib", "eval_wer", title="WER against memory")
    if front.data:
        charts["pareto_front"] = plot.line(front, "peak_memory_gib", "eval_wer", title="Pareto front of WER and memory")
    if mattered.data:
        charts["importance"] = plot.bar(mattered, "value", "importance", title="What mattered")
    return charts


def _front(study: StudyResults) -> list[list[float]]:
    """The completed trials that no other beats in both memory and WER, from the smallest on."""
    points = [
        (peak, one.eval_wer or 0.0, one.number)
        for one in study.scored()
        if one.outcome is Outcome.COMPLETED and one.finalist_of is None and (peak := peak_memory_gib(one)) is not None
    ]
    return sorted([*points[place]] for place in undominated([point[:2] for point in points]))


def _transcripts(study: StudyResults) -> wandb.Table:
    heads = ["utterance_id", "child_id", "age_bucket", "reference", "hypothesis", "edits", "number_of_edits"]
    names = heads[:5]
    rows = worst_utterances(study, count=_TRANSCRIPTS)
    return wandb.Table(
        columns=heads, data=[[*(row[name] for name in names), _marked(row), counts(row).edits] for row in rows]
    )


def _marked(row: Mapping[str, Any]) -> str:
    """The dog [-runs-] {+run+} home: what was left out and what was put in, as `git diff --word-diff` has it."""
    return marked(row["reference"], row["hypothesis"], left_out="[-{}-]", put_in="{{+{}+}}")
