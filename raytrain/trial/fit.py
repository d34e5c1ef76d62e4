"""One fit: a baseline and a folder in; its fit.json, predictions, utterances, checkpoints and events out."""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from raytrain.config.baseline import Baseline
from raytrain.errors import ClusterLost, RunError
from raytrain.files import is_full, sync_tree, write_text
from raytrain.memory.footprint import Footprint
from raytrain.results.description import Description, Result
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, Row
from raytrain.results.transcripts import read_rows
from raytrain.tracking.background import Background, LaterRun
from raytrain.tracking.content import fit_run, trial_row
from raytrain.tracking.tracked_run import TrackedRun, open_run
from raytrain.trial import cluster
from raytrain.trial.inputs import Inputs
from raytrain.trial.job import Job, Share
from raytrain.trial.mend import mend
from raytrain.trial.mirror import Mirror
from raytrain.trial.remote_runs import NOT_KEPT
from raytrain.trial.stock import Stock, stock_for
from raytrain.trial.storage import latest_checkpoint

CHECKPOINTS = "checkpoints"


def fit(description: Description, *, folder: Path, inputs: Inputs) -> Result:
    """Train, or go on with what the folder holds; the result as in fit.json. An interrupt leaves it resumable."""
    config = description.baseline
    remote = f"{config.storage}/{folder.name}" if config.is_on_s3() else None
    with Ledger(folder).held(), _mirrored(folder, remote) as mirror:
        if mirror is not None:
            mirror.mend(CHECKPOINTS)
        else:
            mend(folder / CHECKPOINTS, config.model, may_begin_anew=False)
        inputs.write_listing(folder)
        description.write(folder)
        # Nothing stops a fit but its end and its person: with no trial to stop there is no need of the dashboard.
        with cluster.connected(dashboard=False) as hardware:
            share, _ = Share.of(config, hardware)
            job = Job(
                config=config,
                whereabouts=inputs.whereabouts,
                storage=str(folder),
                name=CHECKPOINTS,
                remote=remote,
                stock=_stock(config, inputs, folder),
                may_move=cluster.is_joined(),
                share=share,
                keep_best=config.training.keep_best,
                predicted_memory_gib=Footprint(inputs.corpora).predict(config).predicted_memory_gib,
            )
            result = _run(job, partial(open_run, config.tracking, fit_run(folder.name, config), folder=folder))
            if mirror is not None:
                mirror.bring_latest(CHECKPOINTS)
        checkpoint = latest_checkpoint(folder / CHECKPOINTS)
        result["checkpoint"] = str(checkpoint.relative_to(folder)) if checkpoint is not None else None
        if checkpoint is not None:  # fit.json says for good that it is there
            sync_tree(checkpoint, below=folder)
        _write_texts(folder, checkpoint)
        replace(description, result=result).write(folder)
        return result


def _stock(config: Baseline, inputs: Inputs, folder: Path) -> Stock | None:
    pretrained = [config.model.pretrained] if config.model.pretrained is not None else []
    if not cluster.is_joined():
        return None
    return stock_for(config, inputs.whereabouts, folder=folder, pretrained=pretrained)


def _mirrored(folder: Path, remote: str | None) -> AbstractContextManager[Mirror | None]:
    if remote is None:
        return nullcontext()
    return Mirror(folder, url=remote, runs=folder, names=lambda: [CHECKPOINTS]).running()


def _run(job: Job, open_tracked: Callable[[], TrackedRun]) -> Result:
    from raytrain.trial.watched_run import run_watched

    last, tracking = Row(), Background()
    tracked = LaterRun(open_tracked, background=tracking)

    def values() -> dict[str, Any]:
        return trial_row(last, predicted_memory_gib=job.predicted_memory_gib)

    def on_row(row: Row) -> None:
        nonlocal last
        if row.eval_wer is None and not row.finished:  # of a stop: it tells nothing new
            return
        last = row
        if row.eval_wer is not None:
            tracked.log(values())

    try:
        run_watched(job, on_row=on_row)
    except RunError as error:
        if (fault := _fault_of_storage(str(error), job)) is not None:
            # No end of the run: it goes on from its last checkpoint once there is room.
            tracked.finish("interrupted", values())
            tracking.close(hurried=True)
            raise fault from None
        last = replace(last, finished=True, outcome=Outcome.FAILED, reason=str(error))
    except KeyboardInterrupt:
        tracked.finish("interrupted", values())
        tracking.close(hurried=True)
        raise
    tracked.finish(str(last.outcome), values())
    tracking.close()
    return cast("Result", values())


def _fault_of_storage(reason: str, job: Job) -> Exception | None:
    """What the storage did, where that and not the training is why a run failed."""
    from raytrain.trial.driver import errno_in, words_of

    number = errno_in(reason)
    if number == NOT_KEPT:
        return ClusterLost(words_of(reason))
    fault = None if number is None else OSError(number, os.strerror(number), job.storage)
    return fault if fault is not None and is_full(fault) else None


def _write_texts(folder: Path, checkpoint: Path | None) -> None:
    """The utterances as last scored, and the same as predictions in the field's form."""
    if checkpoint is None:
        return
    scored = checkpoint / "utterances.jsonl"
    write_text(folder / "utterances.jsonl", scored.read_text(encoding="utf-8"))
    predictions = [
        {"utterance_id": row["utterance_id"], "orthographic_text": row["hypothesis"]} for row in read_rows(scored)
    ]
    write_text(folder / "predictions.jsonl", "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in predictions))
