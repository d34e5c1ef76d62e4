"""A study as one Weights & Biases run: its results in; table, charts, transcripts, verdict and best.yaml there out."""

from collections.abc import Mapping, Sequence
from typing import Any

import wandb

from raytrain.config.baseline import Tracking
from raytrain.report.edits import marked
from raytrain.results.choose import peak_memory_gib, ranked_trials, undominated
from raytrain.results.rates import as_written, name_of
from raytrain.results.study_results import StudyResults, varied_keys, worst_utterances
from raytrain.results.transcripts import counts
from raytrain.tracking.background import Background
from raytrain.tracking.content import plain_name, study_run, study_summary
from raytrain.tracking.tracked_run import TrackedRun
from raytrain.tracking.wandb_run import WandbRun

_TRANSCRIPTS = 50
_FROM_UTTERANCE = ["utterance_id", "child_id", "age_bucket", "reference", "hypothesis"]


def publish_study(tracking: Tracking, study: StudyResults, *, with_checkpoint: bool = False) -> None:
    """Add the study's run beside its trials'; a study that goes on later renews it under the same id.

    `with_checkpoint` sends the best trial's weights, too. It raises nothing, and ends within a minute.
    """
    if tracking.wandb == "disabled" or not study.records:
        return

    def publish() -> None:
        one = WandbRun(tracking, study_run(study), folder=study.folder)
        position = study.folder / "tracking" / f"{study.folder.name}.txt"
        run = TrackedRun([one], position=position, rate=study.rate)
        run.each(lambda _: one.act(lambda opened: _publish(opened, study, with_checkpoint=with_checkpoint)))
        run.finish("completed", study_summary(study))

    background = Background()
    background.do(publish)
    background.close()


def trial_rows(study: StudyResults) -> list[dict[str, Any]]:
    """For each trial what was varied and what was measured, by column."""
    keys = varied_keys(study)
    candidates = {one.trial_id for one in ranked_trials(study.records)}
    rows, lowest = [], None
    for one in study.records:
        if one.trial_id in candidates and one.eval_wer is not None:
            lowest = one.eval_wer if lowest is None else min(lowest, one.eval_wer)
        rows.append(
            {
                "trial": one.number,
                "effective_batch_size": one.effective_batch_size,
                **{key: one.config.value_at(key) for key in keys},
                "outcome": str(one.outcome),
                "eval_wer": one.eval_wer,
                "best_so_far": lowest,
                "peak_memory_gib": peak_memory_gib(one),
                "predicted_memory_gib": one.predicted_memory_gib,
                "train_examples_per_s": one.train_examples_per_s,
            }
        )
    return rows


def _publish(run: wandb.Run, study: StudyResults, *, with_checkpoint: bool) -> None:
    rows = trial_rows(study)
    tables = {
        "all_trials": _table([as_written(row, study.rate) for row in rows], allow_mixed_types=True),
        "worst_transcripts": _transcripts(study),
    }
    # All at one step, the number of trials: a study that goes on adds a row, and repeats none.
    run.log(tables | _charts(study, rows), step=len(rows), commit=True)
    artifact = wandb.Artifact(plain_name(f"{study.folder.name}-results"), type="study")
    for file_name in ("best.yaml", "study.json", "trials.jsonl", "report.md", "report.html"):
        if (study.folder / file_name).is_file():
            artifact.add_file(str(study.folder / file_name))
    run.log_artifact(artifact)
    if with_checkpoint and study.best is not None and study.best.checkpoint is not None:
        weights = wandb.Artifact(
            plain_name(f"{study.folder.name}-best"), type="model", metadata={"trial": study.best.number}
        )
        # Sent from where they lie: no second copy of gigabytes.
        weights.add_dir(str(study.folder / study.best.checkpoint), policy="immutable")
        run.log_artifact(weights)


def _charts(study: StudyResults, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Those charts that have something to show, by name."""
    scored = [row for row in rows if row["eval_wer"] is not None]
    measured = [row for row in scored if row["peak_memory_gib"] is not None]
    importance = [{"value": key, "importance": share} for key, share in study.importance.items()]
    line, scatter, bar = wandb.plot.line, wandb.plot.scatter, wandb.plot.bar
    rate = study.rate
    against_memory, key = f"{rate.lower()}_against_memory", name_of("eval_wer", rate)
    charts = {
        "best_so_far": (line, scored, "trial", "best_so_far", f"Best {rate} so far"),
        against_memory: (scatter, measured, "peak_memory_gib", key, f"{rate} against memory"),
        "pareto_front": (line, _front(study), "peak_memory_gib", key, f"Pareto front of {rate} and memory"),
        "importance": (bar, importance, "value", "importance", "What mattered"),
    }
    return {
        name: plot(_table([as_written(row, rate) for row in rows]), x, y, title=title)
        for name, (plot, rows, x, y, title) in charts.items()
        if rows
    }


def _front(study: StudyResults) -> list[dict[str, Any]]:
    """The completed trials that no other beats in both memory and WER, from the smallest on."""
    points = [
        (peak, one.eval_wer or 0.0, one.number)
        for one in ranked_trials(study.records)
        if (peak := peak_memory_gib(one)) is not None
    ]
    front = sorted(points[place] for place in undominated([point[:2] for point in points]))
    return [dict(zip(("peak_memory_gib", "eval_wer", "trial"), point, strict=True)) for point in front]


def _transcripts(study: StudyResults) -> wandb.Table:
    language = study.description.baseline.model.text_language()
    return wandb.Table(
        columns=[*_FROM_UTTERANCE, "edits", "number_of_edits"],
        data=[
            [*(dict(row)[name] for name in _FROM_UTTERANCE), _marked(row, language), counts(row).edits]
            for row in worst_utterances(study, count=_TRANSCRIPTS)
        ],
    )


def _table(rows: Sequence[dict[str, Any]], **kinds: Any) -> wandb.Table:
    return wandb.Table(columns=list(rows[0]), data=[list(row.values()) for row in rows], **kinds)


def _marked(row: Mapping[str, Any], language: str) -> str:
    """The dog [-runs-] {+run+} home: what was left out and what was put in, as `git diff --word-diff` has it."""
    return marked(row["reference"], row["hypothesis"], language, left_out="[-{}-]", put_in="{{+{}+}}")
