"""What a study and a fit say as they begin: what was asked, the data, the disk, and where to look; lines on stderr."""

import re
import shlex
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from raytrain.config.baseline import Baseline
from raytrain.config.branches import drawn_in
from raytrain.config.constants import GIB
from raytrain.config.derived import derived
from raytrain.config.manifests import Named
from raytrain.config.space import ByBranch, Choice, Range
from raytrain.memory.buying import buys
from raytrain.memory.kept_weights import checkpoint_bytes, study_weights
from raytrain.results.description import Description
from raytrain.results.wording import counted, duration_text, short, size_text, trained_text, value_text
from raytrain.search.finalists import further_seeds, judged_seeds
from raytrain.study.projection import FILE_NAME, database_url
from raytrain.study.study import Study
from raytrain.terminal import here, tell, tell_command, tell_line
from raytrain.tracking.whereabouts import where_tracked
from raytrain.trial.inputs import Inputs
from raytrain.watch.words import where_it_stands

_WRITTEN_AT_ONCE = 2
"""Checkpoints that a trial has while it writes one: that, and the one before."""


def announce(study: Study, *, sweep: str | None) -> None:
    """Say what a study searches, on what data, where, and where to look at it."""
    baseline, space = study.baseline, study.space
    tell("study", here(study.folder))
    split = f"{_split(baseline)} a step"
    rate = f"learning rate {short(baseline.training.learning_rate)}{_trained(baseline)}"
    tell("baseline", f"{_described(study.description)}, {split}, {rate}")
    for key, drawn in space.vary.items():
        branches = {"full": ", full", "adapter": ", adapter"} if isinstance(drawn, ByBranch) else {}
        for branch, part in drawn_in(key, drawn):
            tell("vary", f"{key}{branches.get(str(branch), '')}: {_choices(part)}")
    tell(
        "trials",
        f"{space.search.trials}, the baseline first; each trains on about {study.budget_examples} clips at most",
    )
    if stands := where_it_stands(study, study.history.records):
        tell("so far", stands)
    again = further_seeds(space.search, baseline)
    if again:
        further = "another seed" if again == 1 else f"{again} more seeds"
        tell("finalists", f"the best {space.search.finalists} and the baseline, each trained again with {further}")
    bought = buys(baseline, space, tflops=None, records=study.history.records)
    if bought is not None:
        tell("budget", bought["said"])
    _data(study.description, study.inputs, seeds=judged_seeds(space.search, baseline))
    _study_disk(study)
    _where(baseline, study.folder)
    tell_command(f"optuna-dashboard {_database(study.folder)}", label="watch")
    _curves(baseline, study.folder, label="")
    if sweep is not None:
        tell_command(sweep)


def announce_fit(description: Description, inputs: Inputs, *, folder: Path) -> None:
    """Say what a fit trains, on what data, where, and where to look at it."""
    config = description.baseline
    numbers, epochs = derived(config, inputs.examples_an_epoch), config.training.num_epochs
    tell("fit", here(folder))
    length = f"{numbers['steps']} steps of {_split(config)}"
    bounded = epochs is None or numbers["steps"] < epochs * numbers["steps_per_epoch"]
    whole = "" if bounded else f", {epochs} epoch{'s' if epochs != 1 else ''}"
    rate = f"learning rate {short(config.training.learning_rate)}{_trained(config)}"
    tell("baseline", f"{_described(description)}, {length}{whole}, {rate}")
    _data(description, inputs, seeds=None)
    if not config.is_on_s3():
        kept = config.training.keep_best
        size = size_text(checkpoint_bytes(config) * (kept + 1) / GIB)
        tell("disk", f"checkpoints of up to {size}: the last, and the best {kept} (training.keep_best){_free(folder)}")
    _where(config, folder)
    _curves(config, folder, label="watch")


def _described(description: Description) -> str:
    model = description.baseline.model
    return (
        f"{description.baseline_name}: whisper-{model.variant} from {_from_here(model.pretrained or 'random weights')}"
    )


def _split(config: Baseline) -> str:
    """As in batch size 12 × accumulation 3 = 36 clips."""
    training, workers = config.training, config.scaling.num_workers
    of_workers = f" × {workers} workers" if workers > 1 else ""
    split = f"batch size {training.batch_size} × accumulation {training.gradient_accumulation_steps}{of_workers}"
    return f"{split} = {config.effective_batch_size()} clips"


def _trained(config: Baseline) -> str:
    return "" if config.model.adapter is None else f", {trained_text(config)}"


def _choices(drawn: Choice | Range) -> str:
    if isinstance(drawn, Choice):
        return ", ".join(map(value_text, drawn.values))
    return f"{value_text(drawn.low)} to {value_text(drawn.high)}"


def _data(description: Description, inputs: Inputs, *, seeds: int | None) -> None:
    """The manifests, how long one would listen, who is in which half, and what to know of that."""
    data = description.baseline.data
    trains, scores = _names(data.train_sources()), _names(data.validation_sources())
    scored = inputs.corpus if inputs.validation_corpus is None else inputs.validation_corpus
    train_s = float(inputs.corpus.durations_s[inputs.split.train].sum())
    score_s = float(scored.durations_s[inputs.split.validation].sum())
    of_another = f" of {scores}" if scores else ""
    tell(
        "data",
        f"{trains}: {duration_text(train_s)} of sound to train on, {duration_text(score_s)}{of_another} to score",
    )
    for line in inputs.halves.lines(seeds=seeds):
        tell_line(line)
    most = description.baseline.evaluation.max_utterances
    if most is not None and most < len(inputs.split.validation):
        tell("note", f"of these {most} clips are scored (evaluation.max_utterances)")
    for caveat in description.caveats():
        tell("note", caveat)


def _names(sources: Sequence[Named]) -> str:
    return ", ".join("the demo corpus" if one.manifest == "demo" else _from_here(one.manifest) for one in sources)


def _from_here(name_or_path: str) -> str:
    return here(Path(name_or_path)) if name_or_path.startswith("/") else name_or_path


def _study_disk(study: Study) -> None:
    if study.baseline.is_on_s3():
        return
    kept = study_weights(study.baseline, study.space)
    trials = counted(kept["study_weights"], "trial")
    while_one_runs = _WRITTEN_AT_ONCE * checkpoint_bytes(study.baseline) / GIB
    weights = f"{size_text(kept['study_weights_gib'])} for the weights of up to {trials} (search.keep_weights)"
    tell("disk", f"{weights}, and {size_text(while_one_runs)} for each trial while it runs{_free(study.folder)}")


def _free(folder: Path) -> str:
    with suppress(OSError):
        return f"; {size_text(shutil.disk_usage(folder).free / GIB)} are free"
    return ""


def _where(baseline: Baseline, folder: Path) -> None:
    tracked = where_tracked(baseline.tracking, folder)
    if tracked is None:
        return
    if not tracked.command:
        tell_command(tracked.words, label="tracked")
        return
    tell("tracked", f"{tracked.words}; send it with")
    tell_command(tracked.command)


def _curves(baseline: Baseline, folder: Path, *, label: str) -> None:
    if baseline.tracking.tensorboard:
        tell_command(f"tensorboard --logdir {shlex.quote(here(folder / 'tensorboard'))}", label=label)


def _database(folder: Path) -> str:
    """As it is typed in the folder that one works in, where no letter of it has to be quoted in an address."""
    path = here(folder / FILE_NAME)
    if not path.startswith("/") and re.fullmatch(r"[\w./-]+", path, flags=re.ASCII):
        return f"sqlite:///{path}"
    return shlex.quote(database_url(folder))
