"""What is exported: the folder of a fit, a study or a checkpoint in; the run with its checkpoints, best first, out.

Loads no torch: what is wrong with a folder is reported at once.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Never

from raytrain.archive.checksums import FILE_NAME as MANIFEST
from raytrain.archive.checksums import read_manifest
from raytrain.config.baseline import Baseline, Model
from raytrain.errors import Damaged, InputError
from raytrain.files import at_home, read_as
from raytrain.results.description import Description, read_description
from raytrain.results.records import HistoryRow, TrialRecord
from raytrain.results.run_folder import meant_run
from raytrain.results.study_results import StudyResults, load_study
from raytrain.results.transcripts import Scored, read_rows
from raytrain.trial.storage import noted_checkpoints
from raytrain.whisper.bases import base_under
from raytrain.whisper.folders import RAYTRAIN, is_adapter
from raytrain.whisper.sound import written_fault

Form = Literal["hf", "submission", "ct2", "adapter"]
"""What a run is exported as: a model in Hugging Face's form, the challenge's submission, for faster-whisper, or what
learned alone, for peft. The first three have an adapter merged."""
UTTERANCES = "utterances.jsonl"


@dataclass(frozen=True)
class _Facts:
    """What raytrain.json must hold, among other things."""

    step: int
    source: str | None
    eval_wer: float | None = None
    eval_cer: float | None = None
    """In place of the WER, where the language writes no spaces."""


@dataclass(frozen=True)
class KeptCheckpoint:
    """One checkpoint on disk, whole."""

    folder: Path
    step: int
    eval_wer: float | None
    source: str | None
    """Where the weights first came from: a hub's name or a path; None where they were random."""

    def utterances(self) -> list[Scored]:
        """The utterances as they were last scored: one row each, with its edit counts."""
        return list(read_rows(self.folder / UTTERANCES))


@dataclass(frozen=True, kw_only=True)
class KeptRun:
    """One training whose checkpoints were kept: a fit, or a trial of a study."""

    name: str
    folder: Path
    """The folder of the fit or the study."""
    description: Description
    config: Baseline
    """The configuration it was trained with; a trial's own."""
    checkpoints: list[KeptCheckpoint]
    """The whole checkpoints, the lowest WER first."""
    damaged: list[str]
    """A line on each that is not as it was written, and not taken."""
    history: list[HistoryRow]
    trial: TrialRecord | None
    """The record of the trial; None for a fit."""

    @property
    def best(self) -> KeptCheckpoint:
        """The checkpoint with the lowest WER."""
        return self.checkpoints[0]


def find_run(path: Path) -> KeptRun:
    """The fit in a folder; its study's best trial; or the run of a checkpoint, with that checkpoint alone."""
    folder = at_home(path).absolute()
    if not folder.is_dir():
        message = f"{path}: there is no such folder; name a fit, a study or a checkpoint, as in results/"
        raise InputError(message, meant=meant_run(str(path)))
    if (folder / "fit.json").is_file():
        return _fit(folder, _kept_in(folder / "checkpoints"))
    if (folder / "study.json").is_file():
        return _study(folder)
    if (folder / RAYTRAIN).is_file():
        return _of_checkpoint(folder)
    raise InputError(f"{path}: neither a fit (fit.json), nor a study (study.json), nor a checkpoint ({RAYTRAIN})")


def _fit(folder: Path, checkpoints: list[Path]) -> KeptRun:
    description = read_description(folder, to_go_on=True)
    whole, damaged = _whole(checkpoints, description.baseline.model, of=folder)
    return KeptRun(
        name=folder.name,
        folder=folder,
        description=description,
        config=description.baseline,
        checkpoints=whole,
        damaged=damaged,
        history=[] if description.result is None else description.result.get("history", []),
        trial=None,
    )


def _study(folder: Path) -> KeptRun:
    study = load_study(folder)
    if study.best is None:
        raise InputError(
            f"{folder}: no trial was trained to its end; go on with python -m raytrain.tune --resume {folder}"
        )
    trained = study.best
    if trained.inherited_from is not None:
        trained = next((one for one in study.records if one.trial_id == trained.inherited_from), trained)
    if trained.checkpoint is None:
        raise InputError(f"{folder}: {trained.trial_id}, the best trial, has no checkpoint; {_train_it(folder)}")
    return _trial(study, trained, folder / trained.checkpoint)


def _trial(study: StudyResults, trial: TrialRecord, checkpoint: Path) -> KeptRun:
    whole, damaged = _whole([checkpoint], trial.config.model, of=study.folder)
    return replace(run_of_trial(study, trial, whole), damaged=damaged)


def run_of_trial(study: StudyResults, trial: TrialRecord, checkpoints: list[KeptCheckpoint]) -> KeptRun:
    """A trial of a study with its whole checkpoints."""
    return KeptRun(
        name=f"{study.folder.name}_{trial.trial_id}",
        folder=study.folder,
        description=replace(study.description, baseline=trial.config),
        config=trial.config,
        checkpoints=checkpoints,
        damaged=[],
        history=trial.history,
        trial=trial,
    )


def _of_checkpoint(checkpoint: Path) -> KeptRun:
    """The run that a checkpoint lies in: <fit>/checkpoints/step-000500 or <study>/ray/trial-0003/step-000500."""
    fit, study = checkpoint.parent.parent, checkpoint.parent.parent.parent
    if (fit / "fit.json").is_file():
        return _fit(fit, [checkpoint])
    if (study / "study.json").is_file():
        results = load_study(study)
        for trial in results.records:
            if trial.trial_id == checkpoint.parent.name and trial.inherited_from is None:
                return _trial(results, trial, checkpoint)
    raise InputError(
        f"{checkpoint}: not inside the folder of a fit or a study, which tells what it was trained on; "
        f"leave it there, and name it where it lies"
    )


def _kept_in(folder: Path) -> list[Path]:
    """A fit's checkpoints. What Ray had not yet noted down when the run was killed may be half a checkpoint."""
    noted = noted_checkpoints(folder)
    return sorted(folder.glob("step-*")) if noted is None else noted


def _whole(folders: list[Path], model: Model, *, of: Path) -> tuple[list[KeptCheckpoint], list[str]]:
    """The checkpoints that are as they were written, the lowest WER first, and a line on each that is not."""
    read = [(folder, read_checkpoint(folder, model)) for folder in folders if folder.is_dir()]
    found = [one for _, one in read if isinstance(one, KeptCheckpoint)]
    damaged = [f"{folder}: {fault}" for folder, fault in read if isinstance(fault, str)]
    if not found:
        _refuse(of, damaged)
    scored = [one for one in found if one.eval_wer is not None]  # the others only serve to go on from
    found = scored or found
    return sorted(found, key=lambda one: (math.inf if one.eval_wer is None else one.eval_wer, -one.step)), damaged


def read_checkpoint(folder: Path, model: Model) -> KeptCheckpoint | str:
    """The checkpoint in a folder, or what is wrong with it. InputError where it is an adapter whose weights are not
    here, or are others."""
    unneeded = ("training_state.pt", *(() if (folder / UTTERANCES).exists() else (UTTERANCES,)))
    fault = written_fault(folder, model.model_copy(update={"pretrained": str(folder)}), but=unneeded)
    if fault is not None:
        return fault
    if is_adapter(folder):
        base_under(folder)
    try:
        facts = read_as(folder / RAYTRAIN, _Facts)
    except InputError as error:
        return str(error)
    return KeptCheckpoint(
        folder, facts.step, facts.eval_cer if facts.eval_wer is None else facts.eval_wer, facts.source
    )


def is_archived(folder: Path) -> bool:
    """Whether a run's folder lies in an archive."""
    return any((place / MANIFEST).is_file() for place in (folder, *folder.parents))


def _refuse(folder: Path, damaged: list[str]) -> Never:
    for home in (place for place in (folder, *folder.parents) if (place / MANIFEST).is_file()):
        try:
            remote = read_manifest(home).remote
        except Damaged as error:
            raise InputError(f"{home}: {error.faults[0]}; see python -m raytrain.archive verify {home.name}") from None
        if remote is not None:
            raise InputError(
                f"{home}: its weights lie at {remote}; bring them back with python -m raytrain.archive restore "
                f"{home.name} --to FOLDER, and export that folder"
            )
    raise InputError("; ".join([f"{folder}: holds no whole checkpoint", *damaged, _train_it(folder)]))


def _train_it(folder: Path) -> str:
    if (folder / "study.json").is_file():
        return f"train it again with python -m raytrain.fit --config {folder}/best.yaml"
    return f"train on with python -m raytrain.fit --resume {folder}"
