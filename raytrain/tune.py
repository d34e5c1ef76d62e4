"""python -m raytrain.tune: search around a baseline, or go on with a study that was stopped."""

import argparse
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from raytrain.cli import Parser, disk_faults_reported, log_to_stderr, print_json, run_door, say
from raytrain.config.baseline import Baseline
from raytrain.config.derived import derived
from raytrain.config.dump import dump_tree, dump_yaml
from raytrain.config.reader import load_baseline, load_space, split_overrides
from raytrain.config.space import Choice, SearchSpace
from raytrain.errors import Broken, ClusterLost, InputError, Interrupted
from raytrain.report.table import print_trials, product_text
from raytrain.results.description import Description
from raytrain.results.folders import new_run_folder
from raytrain.results.ledger import Ledger
from raytrain.results.provenance import command_line, provenance
from raytrain.results.records import TrialRecord
from raytrain.results.wording import short, split_text, value_text
from raytrain.search.finalists import further_seeds


def main() -> None:
    run_door(_tune)


def _tune() -> int:
    arguments = _parser().parse_intermixed_args()
    if arguments.demo and arguments.space is not None:
        raise InputError("--demo means --space smoke; leave one of the two out")
    if arguments.trials is not None and arguments.trials < 1:
        raise InputError(f"--trials {arguments.trials}: a study has at least 1, the baseline")
    folder, description = _resumed(arguments) if arguments.resume is not None else (None, _asked(arguments))
    if arguments.dry_run:
        return _dry_run(description, as_json=arguments.json)
    if arguments.address is not None:
        from raytrain.trial.cluster import require_answer

        require_answer(arguments.address)
    tracking = description.baseline.tracking
    if arguments.wandb_sweep:
        from raytrain.tracking.study_sweep import require_online

        require_online(tracking)
    elif tracking.wandb == "online":
        from raytrain.tracking.wandb_run import wandb_mode

        wandb_mode(tracking)  # refuses where there is no key, before anything is trained
    return _search(
        description,
        folder=folder,
        address=arguments.address,
        wandb_sweep=arguments.wandb_sweep,
        as_json=arguments.json,
    )


def _asked(arguments: argparse.Namespace) -> Description:
    baseline, space = _configuration(arguments)
    trials = arguments.trials or (4 if arguments.demo else space.search.trials)
    space = space.model_copy(update={"search": space.search.model_copy(update={"trials": trials})})
    return Description(
        baseline_name=Path(_baseline_name(arguments)).stem,
        baseline=baseline,
        space_name=Path(_space_name(arguments)).stem,
        space=space,
        provenance=provenance(
            command_line("raytrain.tune"), {"training.seed": baseline.training.seed, "search.seed": space.search.seed}
        ),
    )


def _resumed(arguments: argparse.Namespace) -> tuple[Path, Description]:
    from raytrain.study.opening import changed, find_study, refuse_another

    folder, begun = find_study(arguments.resume)
    for_baseline, for_space = split_overrides(arguments.overrides)
    if arguments.baseline:
        refuse_another(folder, begun, baseline=load_baseline(arguments.baseline, for_baseline))
    description = changed(folder, begun, arguments.overrides, trials=arguments.trials)
    if arguments.space or arguments.demo:
        baseline = description.baseline
        refuse_another(folder, begun, space=load_space(_space_name(arguments), for_space, baseline=baseline))
    return folder, description


def _configuration(arguments: argparse.Namespace) -> tuple[Baseline, SearchSpace]:
    for_baseline, for_space = split_overrides(arguments.overrides)
    baseline = load_baseline(_baseline_name(arguments), for_baseline)
    return baseline, load_space(_space_name(arguments), for_space, baseline=baseline)


def _search(
    description: Description, *, folder: Path | None, address: str | None, wandb_sweep: bool, as_json: bool
) -> int:
    from raytrain.study.run_study import run_study
    from raytrain.study.study import Study
    from raytrain.tracking.study_sweep import create_sweep
    from raytrain.trial.inputs import inputs_of
    from raytrain.watch.live import watched

    log_to_stderr()
    if folder is not None:
        with Ledger(folder).held():  # refused while another process has it, and before anything is loaded or told
            pass
    baseline = description.baseline
    inputs = inputs_of(baseline)
    if folder is None:
        description = replace(description, data=inputs.described())
        folder = new_run_folder(baseline.storage, [description.baseline_name, description.space_name or ""]).absolute()
    study = Study(folder=folder, description=description, inputs=inputs)
    sweep = create_sweep(baseline.tracking, study.space, folder=folder) if wandb_sweep else None
    _announce(study.description, folder, budget_examples=study.budget_examples)
    if sweep is not None:
        say(f"           {sweep}")
    resume = f"python -m raytrain.tune --resume {shlex.quote(str(folder))}"
    try:
        with disk_faults_reported(folder, resume=resume), watched(study) as watcher:
            records, interrupted = run_study(
                study, address=address, on_end=lambda record: say(_line(record)), watcher=watcher
            )
    except ClusterLost as error:
        raise Broken(f"{folder}: {error}; to go on:\n{resume}") from None
    if interrupted:
        raise Interrupted(resume)
    with disk_faults_reported(folder, resume=resume):
        return _finish(description, folder, records, as_json=as_json)


def _announce(description: Description, folder: Path, *, budget_examples: int) -> None:
    baseline, space = description.baseline, description.asked
    say(f"study      {folder}")
    say(
        f"baseline   {description.baseline_name}: whisper-{baseline.model.variant}, "
        f"{split_text(description.baseline)} = {baseline.effective_batch_size()}, "
        f"learning rate {short(baseline.training.learning_rate)}"
    )
    for key, drawn in space.vary.items():
        if isinstance(drawn, Choice):
            choices = ", ".join(map(value_text, drawn.values))
        else:
            choices = f"{value_text(drawn.low)} to {value_text(drawn.high)}"
        say(f"vary       {key}: {choices}")
    say(f"trials     {space.search.trials}, the baseline first; each at most {budget_examples} examples")
    again = further_seeds(space.search, baseline)
    if again:
        further = "another seed" if again == 1 else f"{again} more seeds"
        say(f"finalists  the best {space.search.finalists} and the baseline, each trained again with {further}")
    for caveat in description.caveats():
        say(f"note       {caveat}")
    where = shlex.quote(str(folder))
    say(f"watch      optuna-dashboard sqlite:///{where}/optuna.db")
    if baseline.tracking.tensorboard:
        say(f"           tensorboard --logdir {where}/tensorboard")


def _line(record: TrialRecord) -> str:
    """A trial as it ended."""
    wer = f"WER {record.eval_wer:.4f}, " if record.eval_wer is not None else ""
    reason = f" ({record.reason})" if record.reason else ""
    again = f", {record.finalist_of} again with seed {record.seed}" if record.finalist_of is not None else ""
    rate = short(record.config.training.learning_rate)
    return (
        f"trial {record.number}{again}: {product_text(record)}, learning rate {rate}: "
        f"{wer}{record.outcome}{reason} after {record.examples_seen} examples in {record.wall_s:.0f} s"
    )


def _finish(description: Description, folder: Path, records: list[TrialRecord], *, as_json: bool) -> int:
    from raytrain.report.front import front_lines
    from raytrain.report.write import write_report
    from raytrain.search.importance import write_importance
    from raytrain.tracking.published_study import publish_study

    write_importance(folder)
    study = write_report(folder)
    best = study.best
    publish_study(description.baseline.tracking, study, with_checkpoint=description.asked.search.send_best_checkpoint)
    print_trials(study.records, best=study.best, baseline=study.baseline, stderr=as_json)
    if as_json:
        print_json(
            {
                "study": str(folder),
                "best": json.loads(best.as_json()) if best is not None else None,
                **({"front": [record.number for record in study.front]} if study.front else {}),
                "trials": [json.loads(record.as_json()) for record in records],
            }
        )
    if best is None:
        reasons = "; ".join(sorted({f"{record.outcome}: {record.reason}" for record in records}))
        say(f"no trial was completed ({reasons}); see {folder / 'trials.jsonl'}")
        return 1
    searched = sum(record.finalist_of is None for record in records)
    say(f"verdict    {study.verdict.sentence}")
    for place, line in enumerate(front_lines(study.front)):
        say(f"{'' if place else 'front':<10} {line}")
    say(f"report     {folder / 'report.html'}")
    say(f"train it   python -m raytrain.fit --config {shlex.quote(str(folder / 'best.yaml'))}")
    if study.front:
        say(f"           of the front: python -m raytrain.fit --config {shlex.quote(str(folder / 'front'))}/TRIAL.yaml")
    say(f"go on      python -m raytrain.tune --resume {shlex.quote(str(folder))} --trials {2 * searched}")
    return 0


def _dry_run(description: Description, *, as_json: bool) -> int:
    numbers: dict[str, Any] = derived(description.baseline, None)
    space = description.asked.model_dump()
    if as_json:
        print_json({"config": description.baseline.model_dump(), "derived": numbers, "space": space})
        return 0
    print(dump_yaml(description.baseline), end="")
    for name, value in numbers.items():
        print(f"# {name}: {'null' if value is None else value}")
    for line in dump_tree(space).splitlines():
        print(f"# {line}")
    return 0


def _baseline_name(arguments: argparse.Namespace) -> str:
    return arguments.baseline or "small"


def _space_name(arguments: argparse.Namespace) -> str:
    return "smoke" if arguments.demo else arguments.space or "batching"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m raytrain.tune", description="Search around a baseline, with Ray Tune and Optuna.")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="a key of the baseline, or of the space")
    parser.add_argument("--baseline", metavar="NAME", help="in baselines/, or a file; small if not given")
    parser.add_argument("--space", metavar="NAME", help="in search_spaces/, or a file; batching if not given")
    parser.add_argument("--trials", type=int, metavar="N", help="of the whole study, the baseline among them")
    parser.add_argument("--resume", metavar="STUDY", help="go on with a study; more --trials extend it")
    parser.add_argument("--address", metavar="ADDR", help="of a running Ray cluster; one is started if not given")
    parser.add_argument("--wandb-sweep", action="store_true", help="show the trials in a sweep of W&B, too")
    parser.add_argument("--demo", action="store_true", help="short for --space smoke --trials 4")
    parser.add_argument("--dry-run", action="store_true", help="print the resolved configuration and stop")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


if __name__ == "__main__":
    main()
