"""python -m raytrain.tune: search around a baseline, or go on with a study that was stopped."""

import argparse
import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from raytrain.arguments import Parser
from raytrain.cli import cluster_faults_reported, disk_faults_reported, run_door
from raytrain.config.absolute import absolute, absolute_space
from raytrain.config.baseline import Baseline
from raytrain.config.duration import hours_of
from raytrain.config.meant import OPTIONS, whole_keys
from raytrain.config.reader import load_baseline, load_space, split_overrides
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError, Interrupted
from raytrain.files import finite
from raytrain.files.s3 import is_taken, require_writable
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.provenance import command_line, provenance
from raytrain.results.records import TrialRecord
from raytrain.results.run_folder import new_run_folder
from raytrain.stopping import going_on_by
from raytrain.terminal import here, log_to_stderr, print_json, tell
from raytrain.watch.resolved import show_resolved
from raytrain.whisper.spoken import require_spoken


def main() -> None:
    # Before numpy is there: on the sampler's small matrices its threads wait for each other, for half of all that the
    # driver computes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    run_door(_tune)


def _tune() -> int:
    arguments = _parser().parse_intermixed_args()
    if arguments.full and not arguments.dry_run:
        raise InputError("--full shows what --dry-run would do", meant=(("--full",), ("--dry-run", "--full")))
    if arguments.demo and arguments.space is not None:
        raise InputError("--demo means --space smoke; leave one of the two out")
    if arguments.learn_from and arguments.resume is not None:
        raise InputError(
            "--learn-from with --resume: a study learns from what it was begun with; leave one of the two out"
        )
    earlier = _earlier(arguments)
    if arguments.trials is not None and arguments.trials < 1:
        raise InputError(
            f"--trials {arguments.trials}: a study has at least 1, the baseline",
            meant=((str(arguments.trials),), ("1",)),
        )
    if arguments.budget is not None:
        arguments.budget = hours_of(arguments.budget, place="--budget")
    folder, description = _resumed(arguments) if arguments.resume is not None else (None, _asked(arguments))
    require_spoken(description.baseline.model)
    if description.baseline.is_on_s3():
        require_writable(description.baseline.storage, key="storage")
    if arguments.dry_run:
        bought = _bought(description, folder)
        ended = 0 if folder is None else sum(one.finalist_of is None for one in Ledger(folder).read())
        baseline, space = description.baseline, description.asked
        show_resolved(baseline, space, budget=bought, ended=ended, full=arguments.full, as_json=arguments.json)
        return 0
    from raytrain.tracking.wandb_environment import require_sound

    require_sound(description.baseline.tracking)
    if arguments.wandb_sweep:
        from raytrain.tracking.study_sweep import require_online

        require_online(description.baseline.tracking)
    from raytrain.trial.cluster import joined

    with (
        joined(arguments.address),
        going_on_by(shlex.join(command_line("raytrain.tune"))),
    ):  # until there is a study to resume
        return _search(description, folder, arguments, earlier)


def _earlier(arguments: argparse.Namespace) -> list[Path]:
    """The studies to learn from. A key=value behind them is one of the overrides, as everywhere on the line."""
    named = arguments.learn_from or []
    values = [one for one in named if "=" in one and not Path(one).exists()]
    arguments.overrides += values
    if not named:
        return []
    from raytrain.search.borrowed import require_studies

    return require_studies([Path(one) for one in named if one not in values])


def _asked(arguments: argparse.Namespace) -> Description:
    baseline, space = _configuration(arguments)
    trials = arguments.trials or (4 if arguments.demo else space.search.trials)
    asked = {"trials": trials} | ({} if arguments.budget is None else {"budget_hours": arguments.budget})
    space = space.model_copy(update={"search": space.search.model_copy(update=asked)})
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

    folder, begun = find_study(_here(arguments))
    for_baseline, for_space = split_overrides(arguments.overrides)
    if arguments.baseline:
        refuse_another(folder, begun, baseline=load_baseline(arguments.baseline, for_baseline))
    description = changed(folder, begun, arguments.overrides, trials=arguments.trials, further_hours=arguments.budget)
    if arguments.space or arguments.demo:
        baseline = description.baseline
        refuse_another(folder, begun, space=load_space(_space_name(arguments), for_space, baseline=baseline))
    return folder, description


def _here(arguments: argparse.Namespace) -> str:
    """The study to be gone on with; one that is named by its copies on S3 has its folder here again from now on."""
    named: str = arguments.resume
    if "://" not in named:
        return named
    if arguments.dry_run:
        raise InputError(f"--resume {named} --dry-run: a study is first brought here, which a dry run does not do")
    from raytrain.trial.taken_up import take_up

    return str(take_up(named))


def _bought(description: Description, folder: Path | None) -> dict[str, Any] | None:
    """What the budget buys, before anything runs; None where there is none."""
    if description.asked.search.budget_hours is None:  # a dry run without a budget need not wait for numpy
        return None
    from raytrain.memory.buying import buys

    records = () if folder is None else Ledger(folder).read()
    return buys(description.baseline, description.asked, tflops=None, records=records)


def _configuration(arguments: argparse.Namespace) -> tuple[Baseline, SearchSpace]:
    for_baseline, for_space = split_overrides(arguments.overrides)
    baseline = load_baseline(_baseline_name(arguments), for_baseline)
    return baseline, load_space(_space_name(arguments), for_space, baseline=baseline)


def _search(
    description: Description, folder: Path | None, arguments: argparse.Namespace, earlier: Sequence[Path]
) -> int:
    from raytrain.memory.buying import require_enough
    from raytrain.search.borrowed import borrow, write_borrowed
    from raytrain.study.run_study import run_study
    from raytrain.study.study import Study
    from raytrain.tracking.study_sweep import create_sweep
    from raytrain.trial.inputs import inputs_of
    from raytrain.trial.inputs_again import inputs_again
    from raytrain.trial.mirror import copy_small_files
    from raytrain.watch.beginning import announce
    from raytrain.watch.live import watched
    from raytrain.watch.words import tell_trial, where_it_stands

    log_to_stderr()
    if folder is not None:
        with Ledger(folder).held():  # refused while another process has it, and before anything is loaded or sent
            pass
    baseline = description.baseline
    if folder is not None:
        description, inputs = inputs_again(description, folder)
    else:
        baseline, space = absolute(baseline), absolute_space(description.asked)
        inputs = inputs_of(baseline)
        description = replace(description, baseline=baseline, space=space, data=inputs.described())
        folder = new_run_folder(
            baseline.home(),
            [description.baseline_name, description.space_name or ""],
            is_taken=partial(is_taken, baseline.storage),
        ).absolute()
        if earlier:
            borrowed = borrow(earlier, baseline=baseline, space=space, data_sha256=description.data.get("data_sha256"))
            write_borrowed(folder, borrowed)
    study = Study(folder=folder, description=description, inputs=inputs)
    require_enough(baseline, study.space, examples=study.budget_examples)
    sweep, rate = None, baseline.model.rate()
    if arguments.wandb_sweep:
        sweep = create_sweep(baseline.tracking, study.space, folder=folder, rate=rate)
    announce(study, sweep=sweep)
    resume = _resume_command(folder)
    with going_on_by(resume), disk_faults_reported(folder, resume=resume):
        with cluster_faults_reported(folder, resume=resume), watched(study) as watcher:
            records, interrupted = run_study(study, on_end=tell_trial, watcher=watcher)
        if interrupted:
            tell("stopped", where_it_stands(study, records) or "before the first trial began")
            raise Interrupted(resume)
        status = _finish(description, folder, records, as_json=arguments.json)
        if study.remote is not None:
            copy_small_files(folder, study.remote)
        return status


def _resume_command(folder: Path) -> str:
    return f"python -m raytrain.tune --resume {shlex.quote(here(folder))}"


def _finish(description: Description, folder: Path, records: list[TrialRecord], *, as_json: bool) -> int:
    from raytrain.report.spent import spent_on
    from raytrain.report.table import print_trials
    from raytrain.report.write import write_report
    from raytrain.search.importance import write_importance
    from raytrain.study.agreement import write_agreement
    from raytrain.tracking.published_study import publish_study
    from raytrain.watch.words import last_words

    write_importance(folder)
    write_agreement(folder)
    found = write_report(folder)
    publish_study(description.baseline.tracking, found, with_checkpoint=description.asked.search.send_best_checkpoint)
    print_trials(found, stderr=as_json)
    if as_json:
        print_json(
            {
                "study": str(folder),
                "best": finite(found.best.as_dict()) if found.best is not None else None,
                **({"front": [record.number for record in found.front]} if found.front else {}),
                "spent": finite(spent_on(found).as_dict()),
                "trials": [finite(record.as_dict()) for record in records],
            }
        )
    last_words(found, records)
    return 0 if found.best is not None else 1


def _baseline_name(arguments: argparse.Namespace) -> str:
    return arguments.baseline or "small"


def _space_name(arguments: argparse.Namespace) -> str:
    return "smoke" if arguments.demo else arguments.space or "batching"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m raytrain.tune",
        description="Search around a baseline, with Ray Tune and Optuna.",
        example="python -m raytrain.tune --baseline small data.train_manifest=my/manifest.jsonl --dry-run",
        keys=[*whole_keys(Baseline), *whole_keys(SearchSpace)],
        slips=OPTIONS | {"--config": "--baseline", "--gpu-memory": "scaling.gpu_memory_gib=", "--to": "storage="},
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="a key of the baseline, or of the space")
    parser.add_argument("--baseline", metavar="NAME", help="in baselines/, or a file; small if not given")
    parser.add_argument("--space", metavar="NAME", help="in search_spaces/, or a file; batching if not given")
    parser.add_argument("--trials", type=int, metavar="N", help="of the whole study, the baseline among them")
    parser.add_argument("--budget", metavar="TIME", help="that it may run, as in 8h or 90m; with --resume from now on")
    parser.add_argument(
        "--resume",
        metavar="STUDY",
        help="go on with a study, by its folder or its place on S3; more --trials or --budget extend it",
    )
    parser.add_argument(
        "--learn-from",
        nargs="+",
        action="extend",
        metavar="STUDY",
        help="folders of earlier studies, archived ones too",
    )
    parser.add_argument("--address", metavar="ADDR", help="of a running Ray cluster; one is started if not given")
    parser.add_argument("--wandb-sweep", action="store_true", help="show the trials in a sweep of W&B, too")
    parser.add_argument("--demo", action="store_true", help="short for --space smoke --trials 4")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")
    parser.add_argument("--full", action="store_true", help="with --dry-run: every key as it comes out, as a file")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


if __name__ == "__main__":
    main()
