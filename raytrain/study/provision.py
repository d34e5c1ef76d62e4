"""What a study's machines lack: a study in; its inputs where its nodes find them, and its mirror on S3, out."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from raytrain.config.branches import values_listed
from raytrain.results.choose import best_trial
from raytrain.study.study import Study
from raytrain.trial import cluster
from raytrain.trial.mirror import Mirror
from raytrain.trial.stock import stock_for


def trains_alone(study: Study) -> bool:
    """Whether every trial of the study has one worker."""
    return study.baseline.scaling.num_workers == 1 and "scaling.num_workers" not in study.space.vary


def stocked(study: Study) -> Study:
    """The study with its inputs in the storage, where its nodes would not find them; InputError where they cannot."""
    if not cluster.is_joined():
        return study
    stock = stock_for(study.baseline, study.inputs.whereabouts, folder=study.folder, pretrained=set(_weights(study)))
    return replace(study, stock=stock)


def mirrored(study: Study) -> AbstractContextManager[Mirror | None]:
    """The mirror of a storage on S3, for as long as the study runs; None where it is kept in a folder."""
    if study.remote is None:
        return nullcontext()

    def unfinished() -> list[str]:
        return [f"trial-{trial.number:04}" for trial in study.history.unfinished()]

    return Mirror(study.folder, url=study.remote, runs=study.runs, names=unfinished).running()


def bring_best(study: Study, mirror: Mirror | None) -> None:
    """Bring the best trial's weights here, to be exported; those of others stay where they are."""
    best = best_trial(study.history.records, memory_limit_gib=study.description.memory_limit_gib)
    if mirror is not None and best is not None and best.checkpoint is not None:
        mirror.bring_weights(best.trial_id, Path(best.checkpoint).name)


def _weights(study: Study) -> Iterator[str]:
    """All weights that a trial may begin from."""
    varied = study.space.vary.get("model.pretrained")
    for value in (*(values_listed(varied) if varied else ()), study.baseline.model.pretrained):
        if isinstance(value, str):
            yield value
