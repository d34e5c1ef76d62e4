"""What a soup is tried of: a run's best checkpoints, or a study's best trials, in; Candidates out.

Loads no torch: what cannot be averaged is reported at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from raytrain.config.baseline import Audio, Prediction
from raytrain.errors import InputError
from raytrain.files import at_home, read_as
from raytrain.release.runs import KeptCheckpoint, KeptRun, read_checkpoint, run_of_trial
from raytrain.results.choose import ranked_trials
from raytrain.results.study_results import StudyResults, load_study
from raytrain.results.wording import counted
from raytrain.whisper.folders import RAYTRAIN

FEWEST = 2
"""Weights that an average is of, at least."""


@dataclass(frozen=True)
class _Recorded:
    """What raytrain.json must hold, among other things, of weights that are to be averaged."""

    window: Audio


@dataclass(frozen=True)
class Candidate:
    """Weights that may go into a soup."""

    name: str
    """What they are called: trial-0003, or step 500."""
    run: KeptRun
    """The training they are of."""
    checkpoint: KeptCheckpoint


@dataclass(frozen=True)
class Candidates:
    """What a soup is tried of, the lowest WER first."""

    of: Literal["trials", "checkpoints"]
    name: str
    """What its soup is called: results/STUDY's is STUDY_soup."""
    several: list[Candidate]
    passed_over: list[str]
    """A line on each that is better than one of these, and whose weights are not here whole."""


def of_run(run: KeptRun, count: int) -> Candidates:
    """The best `count` checkpoints of one run; InputError where it kept fewer, or `count` is less than two."""
    if count < FEWEST:
        raise InputError(f"--average {count}: an average takes {FEWEST} checkpoints or more")
    if count > len(run.checkpoints):
        way_out = (
            "a trial keeps its latest alone: --soup K averages the best trials of its study"
            if run.trial is not None
            else "training.keep_best says how many a fit keeps"
        )
        raise InputError(f"--average {count}: {run.name} has {len(run.checkpoints)} checkpoint(s) here; {way_out}")
    several = [Candidate(f"step {one.step}", run, one) for one in run.checkpoints[:count]]
    _require_alike(several)
    return Candidates("checkpoints", run.name, several, [])


def of_study(path: Path, count: int) -> Candidates:
    """The best `count` trials of a study whose weights are here; InputError where they are fewer, cannot be averaged or
    were not scored on the same utterances, or `count` is less than two."""
    folder = at_home(path).absolute()
    if count < FEWEST:
        raise InputError(f"--soup {count}: a soup takes {FEWEST} trials or more")
    if not (folder / "study.json").is_file():
        raise InputError(f"--soup {count}: {path} is not a study's folder; of one run's checkpoints it is --average K")
    study = load_study(folder)
    several: list[Candidate] = []
    passed_over: list[str] = []
    for found in _kept(study):
        if len(several) == count:
            break
        if isinstance(found, str):
            passed_over.append(found)
        else:
            several.append(found)
    if len(several) < count:
        search = study.description.asked.search
        kept = "" if search.keep_weights is None else f" (here {search.keep_weights})"
        facts = "; ".join([f"{folder.name} has the weights of {counted(len(several), 'trial')} here", *passed_over])
        raise InputError(
            f"--soup {count}: {facts}; ask for as many or fewer, {FEWEST} at least, or search again: "
            f"search.keep_weights says how many a study keeps{kept}"
        )
    _require_alike(several)
    return Candidates("trials", f"{folder.name}_soup", several, passed_over)


def _kept(study: StudyResults) -> Iterable[Candidate | str]:
    """The study's trained trials, best first: each with its weights, or with a line on why they cannot be taken."""
    for record in ranked_trials(study.records, memory_limit_gib=study.description.memory_limit_gib):
        if record.inherited_from is not None:
            continue  # of one training with the trial whose WER it has
        if record.checkpoint is None:
            continue
        folder = study.folder / record.checkpoint
        if not folder.is_dir():
            yield f"{record.trial_id}: its weights are no longer here"
            continue
        found = read_checkpoint(folder, record.config.model)
        if isinstance(found, str):
            yield f"{record.trial_id}: {found}"
        else:
            yield Candidate(record.trial_id, run_of_trial(study, record, [found]), found)


def _require_alike(several: Sequence[Candidate]) -> None:
    """Refuse weights of which a mean would be of nothing: of two sizes, beginnings or windows; and others' scores."""
    first, *others = several
    window = _window(first)
    scored = [row["utterance_id"] for row in first.checkpoint.utterances()]
    for other in others:
        way_out = f"take fewer, without {other.name}, or export one alone"
        for what, ours, theirs in (
            ("whisper-", first.run.config.model.variant, other.run.config.model.variant),
            ("trained from ", first.checkpoint.source, other.checkpoint.source),
            ("trained for audio window ", window, _window(other)),
        ):
            if ours != theirs:
                raise InputError(
                    f"{first.name} is {what}{ours}, {other.name} is {what}{theirs}: their weights have no mean; "
                    f"{way_out}"
                )
        if [row["utterance_id"] for row in other.checkpoint.utterances()] != scored:
            raise InputError(
                f"{first.name} and {other.name} were not scored on the same utterances: nothing says what their mean "
                f"is worth; {way_out}"
            )


def _window(candidate: Candidate) -> str:
    return read_as(candidate.checkpoint.folder / RAYTRAIN, _Recorded).window.window


def soup_run(candidates: Candidates, first: Candidate, *, prediction: Prediction) -> KeptRun:
    """The run that a soup is described by: that of its first member, under the soup's name."""
    config = first.run.config.model_copy(update={"prediction": prediction})
    return replace(first.run, name=candidates.name, config=config, checkpoints=[first.checkpoint])
