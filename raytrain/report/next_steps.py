"""A study's results in; the one step that follows from its verdict, and all else that one can go on with, out.

Each step has a command that runs as it stands.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from raytrain.results.early_end import early_end
from raytrain.results.power import Needed
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.study_results import StudyResults
from raytrain.results.verdict import MIN_CHILDREN, Finding, ratio_for
from raytrain.results.wording import split_text
from raytrain.search.finalists import missing_repeats

_DOOR = ["python", "-m", "raytrain.tune"]
_FINALISTS = 3


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something to do next."""

    words: str
    """What, and why, in a sentence."""
    command: str


def place_of(study: StudyResults) -> str:
    """The study's folder as commands name it."""
    return f"{study.description.baseline.home()}/{study.folder.name}"


def next_step(study: StudyResults, *, needed: Needed | None, place: str) -> Step:
    """The one step that follows: an end that is missing, then the question that is open, then the use of what won."""
    finding, best, baseline = study.verdict.finding, study.best, study.baseline
    missing = _missing(study)
    if missing is not None:
        budget = " --budget 1h" if study.description.asked.search.budget_hours is not None else ""
        return Step(words=f"Go on: {missing}.", command=f"{_resumed(place)}{budget}")
    if best is None or baseline is None or finding is Finding.NO_RESULT:
        words = "Go on, once what stopped the trials is mended: see below how they ended."
        return Step(words=words, command=more_trials(study, place))
    if finding is Finding.TOO_LITTLE_DATA:
        return _with_more_data(study, needed, place)
    keep = split_text(study.description.baseline)
    if finding is Finding.BETTER:
        return _used(study, best, f"Keep {split_text(best.config)}", place)
    if best.trial_id != baseline.trial_id and baseline.checkpoint is None:
        return Step(words=f"Keep {keep}, or look further with more trials.", command=more_trials(study, place))
    return _used(study, baseline, f"Keep {keep}", place)


def more_trials(study: StudyResults, place: str) -> str:
    """The command that goes on with twice as many trials as were searched."""
    return f"{_resumed(place)} --trials {max(2 * max(1, _searched(study)), study.description.asked.search.trials)}"


def asked_anew(study: StudyResults, overrides: Sequence[str], *, place: str) -> str | None:
    """The study's own command with these overrides in place of its own of the same keys, as a new study that learns
    from this one; None where its command is not known."""
    line = study.description.provenance.get("command_line") or []
    if line[:3] != _DOOR:
        return None
    keys = {text.partition("=")[0] for text in overrides}
    options = [part for part in line[3:] if not _is_override(part)]
    kept = [part for part in line[3:] if _is_override(part) and part.partition("=")[0] not in keys]
    return shlex.join([*_DOOR, *options, "--learn-from", place, *kept, *overrides])


def commands(study: StudyResults) -> list[tuple[str, str]]:
    """Commands to go on with, and what each is for: train with the best values, search again as here."""
    place = place_of(study)
    name, line = shlex.quote(place), study.description.provenance.get("command_line")
    train = f"python -m raytrain.fit --config {name}"
    another = next((one for one in study.front if study.best is None or one.trial_id != study.best.trial_id), None)
    offered = [
        (study.best, "Train with the best values", f"{train}/best.yaml"),
        (
            another,
            "Train with another trial of the front",
            f"{train}/front/{'' if another is None else another.trial_id}.yaml",
        ),
        (
            sum(one.checkpoint is not None for one in study.records) > 1,
            "Average the best trials' weights, where that is better",
            f"python -m raytrain.export {name} --soup 5 --to {_exported(study, 'soup')}",
        ),
        (line, "Repeat this study", shlex.join(line or [])),
        (True, "Go on with it, with more trials", more_trials(study, place)),
    ]
    return [(what, command) for possible, what, command in offered if possible]


def _missing(study: StudyResults) -> str | None:
    """What the study has not done yet of what it was asked; None where it is over."""
    search = study.description.asked.search
    repeats = any(one.finalist_of is not None for one in study.records)
    # Finalists are trained again once the search is over, however it ended.
    if not repeats and early_end(study.folder) is None and _searched(study) < search.trials:
        return f"{_searched(study)} of {search.trials} trials have ended"
    if study.description.random_weights:
        return None
    left = missing_repeats(study.records, search=search, memory_limit_gib=study.description.memory_limit_gib)
    if not left:
        return None
    return f"{len(left)} {'training of a finalist is' if len(left) == 1 else 'trainings of finalists are'} missing"


def _with_more_data(study: StudyResults, needed: Needed | None, place: str) -> Step:
    """The same question with what the verdict lacked: weights that were trained before, seeds, children."""
    description, data = study.description, study.description.baseline.data
    if description.random_weights:
        overrides = [f"model.pretrained=openai/whisper-{description.baseline.model.variant}"]
        return _anew(study, overrides, "Ask again with weights that were trained before.", place)
    judged = study.verdict.judged
    if judged is None:
        return Step(words="Go on with trials whose utterances are kept.", command=more_trials(study, place))
    seeds, children = (3, MIN_CHILDREN) if needed is None else (needed.seeds, needed.children)
    overrides, lacking, told = [], [], ""
    if description.baseline.evaluation.max_utterances is not None:
        overrides.append("evaluation.max_utterances=null")
        lacking.append("all validation clips scored")
    if judged.comparison.num_seeds < 2:
        # The training that makes a finalist is one of search.seeds, and does not judge it.
        overrides += [
            f"search.finalists={description.asked.search.finalists or _FINALISTS}",
            f"search.seeds={seeds + 1}",
        ]
        lacking.append(f"{seeds} further seeds for each finalist")
    if judged.comparison.num_children < MIN_CHILDREN:
        ratio = _ratio(study, children) if data.validation_manifest is None else None
        if ratio is None:
            told = f" {children} validation children are more than these recordings have."
        else:
            overrides.append(f"data.validation_ratio={ratio:g}")
            lacking.append(f"{children} validation children")
    again = f"Ask again with {' and '.join(lacking)}." if lacking else "Ask again with more children."
    return _anew(study, overrides, f"{again}{told}", place)


def _anew(study: StudyResults, overrides: Sequence[str], words: str, place: str) -> Step:
    command = asked_anew(study, overrides, place=place)
    return Step(words=words, command=command or more_trials(study, place))


def _ratio(study: StudyResults, children: int) -> float | None:
    """The share that makes so many children validation's; None where more than half would be."""
    data = study.description.data
    known = len(data.get("train_children") or []) + len(data.get("validation_children") or [])
    return ratio_for(children, known=known)


def _used(study: StudyResults, trial: TrialRecord, keep: str, place: str) -> Step:
    """Use a trial: its weights, where they are kept and as good as the data make them, or a training in full."""
    trained = next((one for one in study.records if one.trial_id == trial.inherited_from), trial)
    is_best = study.best is not None and study.best.trial_id == trial.trial_id
    if trained.checkpoint is not None and study.description.asked.budget.examples is None:
        run = place if is_best else f"{place}/{trained.checkpoint}"
        to = _exported(study, "" if is_best else "baseline")
        return Step(
            words=f"{keep}: export its weights.", command=f"python -m raytrain.export {shlex.quote(run)} --to {to}"
        )
    if is_best:
        command = f"python -m raytrain.fit --config {shlex.quote(place)}/best.yaml"
        in_full = "" if study.description.asked.budget.examples is None else " in full"
        return Step(words=f"{keep}: train with it{in_full}.", command=command)
    return Step(words=f"{keep}, or look further with more trials.", command=more_trials(study, place))


def _exported(study: StudyResults, what: str) -> str:
    return shlex.quote("_".join([f"exported/{study.folder.name}", *([what] if what else [])]))


def _resumed(place: str) -> str:
    return f"python -m raytrain.tune --resume {shlex.quote(place)}"


def _searched(study: StudyResults) -> int:
    """Trials of the search that ran."""
    return sum(one.finalist_of is None and one.outcome is not Outcome.NOT_STARTED for one in study.records)


def _is_override(part: str) -> bool:
    return "=" in part and not part.startswith("-")
