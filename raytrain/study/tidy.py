"""What ended trials no longer need, gigabytes each: a study's records in; its disk freed."""

import shutil
from pathlib import Path

from raytrain.files import take_out
from raytrain.results.records import TrialRecord
from raytrain.search.kept import keeps_weights
from raytrain.study.study import Study
from raytrain.trial.mirror import STATE, Mirror


def let_go(study: Study, *, but: TrialRecord, mirror: Mirror | None = None) -> None:
    """Free, while the study runs, the weights of those trials that were trained to their end and keep theirs no longer.

    The one that has ended just now waits for the next: a process of its own may still be there.
    """
    if study.space.search.keep_weights is None:
        return
    kept = {record.trial_id for record in _kept(study)} | {but.trial_id}
    for record in study.history.records:
        run = study.runs / record.trial_id
        # What is here of a run on S3 goes last: one that is gone here is not asked for there again, trial after trial.
        if record.checkpoint is not None and record.trial_id not in kept and run.is_dir():
            if mirror is not None:
                mirror.remove(record.trial_id)
            shutil.rmtree(run, ignore_errors=True)


def tidy(study: Study, mirror: Mirror | None = None) -> None:
    """Free all that ended trials do not need. Once no process of theirs can still write there."""
    kept = {record.trial_id for record in _kept(study)}
    for record in study.history.records:
        if record.trial_id not in kept:
            shutil.rmtree(study.runs / record.trial_id, ignore_errors=True)
            if mirror is not None:
                mirror.remove(record.trial_id)
        elif record.checkpoint is not None:
            take_out(study.folder / record.checkpoint, STATE)
            if mirror is not None:
                mirror.take_out(record.trial_id, Path(record.checkpoint).name, STATE)


def _kept(study: Study) -> list[TrialRecord]:
    return keeps_weights(
        study.history.records, search=study.space.search, memory_limit_gib=study.description.memory_limit_gib
    )
