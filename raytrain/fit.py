"""python -m raytrain.fit: train one baseline, or go on with a fit that was stopped."""

import argparse
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from raytrain.arguments import Parser
from raytrain.cli import TO_REPORT, cluster_faults_reported, disk_faults_reported, run_door
from raytrain.config.absolute import absolute
from raytrain.config.baseline import Baseline
from raytrain.config.meant import OPTIONS, whole_keys
from raytrain.config.reader import load_baseline
from raytrain.errors import InputError, Meant
from raytrain.files.s3 import is_taken, require_writable
from raytrain.results.description import FIT_FILE, Description, Result, read_description
from raytrain.results.provenance import command_line, provenance
from raytrain.results.rates import as_written
from raytrain.results.run_folder import name_of, new_run_folder
from raytrain.stopping import going_on_by
from raytrain.terminal import here, log_to_stderr, print_json, say
from raytrain.watch.fit_words import fit_words
from raytrain.watch.resolved import show_resolved
from raytrain.whisper.spoken import require_spoken

if TYPE_CHECKING:  # torch and Ray are imported once the configuration is known to be right
    from raytrain.trial.inputs import Inputs


def main() -> None:
    run_door(_fit)


def _fit() -> int:
    with going_on_by(shlex.join(command_line("raytrain.fit"))):  # until there is a fit to resume
        return _asked()


def _asked() -> int:
    arguments = _parser().parse_intermixed_args()
    if arguments.full and not arguments.dry_run:
        raise InputError("--full shows what --dry-run would do", meant=(("--full",), ("--dry-run", "--full")))
    if arguments.resume is not None:
        if arguments.overrides or arguments.config:
            raise InputError("--resume goes on with the fit's own configuration; leave out --config and key=value")
        return _resume(_here(arguments), arguments)
    config = load_baseline(arguments.config or "small", arguments.overrides)
    require_spoken(config.model)
    if config.is_on_s3():
        require_writable(config.storage, key="storage")
    if arguments.dry_run:
        show_resolved(config, full=arguments.full, as_json=arguments.json)
        return 0
    from raytrain.tracking.wandb_environment import require_sound
    from raytrain.trial.cluster import joined
    from raytrain.trial.inputs import inputs_of

    require_sound(config.tracking)
    config = absolute(config)
    with joined(arguments.address):
        inputs = inputs_of(config)
        name = name_of(Path(arguments.config or "small"))
        description = Description(
            baseline_name=name,
            baseline=config,
            data=inputs.described(),
            provenance=provenance(command_line("raytrain.fit"), {"training.seed": config.training.seed}),
        )
        is_there = partial(is_taken, config.storage)
        folder = new_run_folder(config.home(), name.split("_"), is_taken=is_there).absolute()
        return _train(description, inputs, folder=folder, as_json=arguments.json)


def _here(arguments: argparse.Namespace) -> Path:
    """The fit to be gone on with; one that is named by its copies on S3 has its folder here again from now on."""
    named: str = arguments.resume
    if "://" not in named:
        return Path(named).absolute()
    if arguments.dry_run:
        raise InputError(f"--resume {named} --dry-run: a fit is first brought here, which a dry run does not do")
    from raytrain.trial.taken_up import take_up

    return take_up(named).absolute()


def _resume(folder: Path, arguments: argparse.Namespace) -> int:
    as_json = arguments.json
    description = read_description(folder, to_go_on=True)
    if description.space is not None:
        meant: Meant = ((arguments.resume,), ("raytrain.tune",))
        raise InputError(f"{folder}: a study, not a fit", meant=meant)
    if description.baseline.is_on_s3():
        require_writable(description.baseline.storage, key="storage")
    if arguments.dry_run:
        show_resolved(description.baseline, full=arguments.full, as_json=as_json)
        return 0
    if description.result is not None and description.result["outcome"] != "failed":
        say(f"{here(folder)} has ended, and nothing is left to do")
        return _tell(description.result, folder, description=description, as_json=as_json)
    from raytrain.tracking.wandb_environment import require_sound
    from raytrain.trial.cluster import joined
    from raytrain.trial.inputs_again import inputs_again

    require_sound(description.baseline.tracking)
    with joined(arguments.address):
        description, inputs = inputs_again(description, folder)
        return _train(description, inputs, folder=folder, as_json=as_json)


def _train(description: Description, inputs: "Inputs", *, folder: Path, as_json: bool) -> int:
    from raytrain.trial.fit import fit
    from raytrain.watch.beginning import announce_fit

    log_to_stderr()
    announce_fit(description, inputs, folder=folder)
    resume = _resume_command(folder)
    with going_on_by(resume):
        with disk_faults_reported(folder, resume=resume), cluster_faults_reported(folder, resume=resume):
            result = fit(description, folder=folder, inputs=inputs)
        return _tell(result, folder, description=description, as_json=as_json)


def _resume_command(folder: Path) -> str:
    return f"python -m raytrain.fit --resume {shlex.quote(here(folder))}"


def _tell(result: Result, folder: Path, *, description: Description, as_json: bool) -> int:
    if as_json:
        print_json({"folder": str(folder), "result": as_written(result, description.baseline.model.rate())})
    if result["outcome"] != "completed":
        say(f"{result['outcome']}: {result.get('reason')}")
        if result["outcome"] == "failed":
            say(f"to go on, once that is mended:\n{_resume_command(folder)}")
            say(TO_REPORT.format(file=here(folder / FIT_FILE)))
        if result["outcome"] == "out_of_memory":
            _tell_what_takes_less(description.baseline)
        return 1
    fit_words(result, folder, description=description)
    return 0


def _tell_what_takes_less(config: Baseline) -> None:
    """An adapter is among it, and a smaller Whisper. With the corpus' own lengths where it is still there."""
    from raytrain.memory.planning import what_takes_less
    from raytrain.speech.extent import extent_of

    known = extent_of(config.data, longest_s=config.audio.max_window_s)
    for line in what_takes_less(config, card_gib=config.scaling.gpu_memory_gib, extent=known):
        say(f"would take less: {line}")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m raytrain.fit",
        description="Fine-tune Whisper once, as one baseline says.",
        example="python -m raytrain.fit --baseline small training.learning_rate=2e-5 --dry-run",
        keys=whole_keys(Baseline),
        slips=OPTIONS | dict.fromkeys(("--space", "--trials", "--budget", "--demo", "--learn-from"), "raytrain.tune"),
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="a baseline key: training.batch_size=16")
    parser.add_argument(
        "--config", "--baseline", metavar="PATH", help="a name in baselines/, or a file; small if not given"
    )
    parser.add_argument("--resume", metavar="DIR", help="go on with a fit in results/ from its last checkpoint")
    parser.add_argument(
        "--address", metavar="ADDR", help="a running Ray cluster, HOST:PORT or auto; else one is started"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")
    parser.add_argument("--full", action="store_true", help="with --dry-run: every key as it comes out, as a file")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


if __name__ == "__main__":
    main()
