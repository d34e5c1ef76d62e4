"""python -m raytrain.fit: train one baseline, or go on with a fit that was stopped."""

import argparse
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from raytrain.cli import Parser, cluster_faults_reported, disk_faults_reported, run_door
from raytrain.config.absolute import absolute
from raytrain.config.derived import derived
from raytrain.config.languages import Rate
from raytrain.config.reader import load_baseline
from raytrain.errors import InputError
from raytrain.files.s3 import is_taken, require_writable
from raytrain.results.description import Description, Result, read_description
from raytrain.results.provenance import command_line, provenance
from raytrain.results.rates import as_written
from raytrain.results.run_folder import new_run_folder
from raytrain.results.wording import number_text
from raytrain.stopping import going_on_by
from raytrain.terminal import log_to_stderr, print_json, say
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
    if arguments.resume is not None:
        if arguments.overrides or arguments.config:
            raise InputError("--resume goes on with the fit's own configuration; leave out --config and key=value")
        return _resume(_here(arguments), arguments)
    config = load_baseline(arguments.config or "small", arguments.overrides)
    require_spoken(config.model)
    if config.is_on_s3():
        require_writable(config.storage, key="storage")
    if arguments.dry_run:
        show_resolved(config, as_json=arguments.json)
        return 0
    from raytrain.tracking.wandb_environment import require_sound
    from raytrain.trial.cluster import joined
    from raytrain.trial.inputs import inputs_of

    require_sound(config.tracking)
    config = absolute(config)
    with joined(arguments.address):
        inputs = inputs_of(config)
        name = Path(arguments.config or "small").stem
        description = Description(
            baseline_name=name,
            baseline=config,
            data=inputs.described(),
            provenance=provenance(command_line("raytrain.fit"), {"training.seed": config.training.seed}),
        )
        is_there = partial(is_taken, config.storage)
        folder = new_run_folder(config.home(), [name], is_taken=is_there).absolute()
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
        raise InputError(f"{folder}: a study; go on with it by python -m raytrain.tune --resume {folder}")
    if description.baseline.is_on_s3():
        require_writable(description.baseline.storage, key="storage")
    if arguments.dry_run:
        show_resolved(description.baseline, as_json=as_json)
        return 0
    if description.result is not None and description.result["outcome"] != "failed":
        say(f"{folder} has ended, and nothing is left to do")
        return _tell(description.result, folder, rate=description.baseline.model.rate(), as_json=as_json)
    from raytrain.tracking.wandb_environment import require_sound
    from raytrain.trial.cluster import joined
    from raytrain.trial.inputs_again import inputs_again

    require_sound(description.baseline.tracking)
    with joined(arguments.address):
        description, inputs = inputs_again(description, folder)
        return _train(description, inputs, folder=folder, as_json=as_json)


def _train(description: Description, inputs: "Inputs", *, folder: Path, as_json: bool) -> int:
    from raytrain.trial.fit import fit

    log_to_stderr()
    config = description.baseline
    numbers = derived(config, inputs.examples_an_epoch)
    say(f"{folder}")
    say(
        f"whisper-{config.model.variant} from {config.model.pretrained or 'random weights'}, "
        f"{numbers['steps']} steps of {numbers['effective_batch_size']}"
    )
    for line in inputs.halves.lines():
        say(line)
    for caveat in description.caveats():
        say(caveat)
    resume = _resume_command(folder)
    with going_on_by(resume):
        with disk_faults_reported(folder, resume=resume), cluster_faults_reported(folder, resume=resume):
            result = fit(description, folder=folder, inputs=inputs)
        return _tell(result, folder, rate=config.model.rate(), as_json=as_json)


def _resume_command(folder: Path) -> str:
    return f"python -m raytrain.fit --resume {shlex.quote(str(folder))}"


def _tell(result: Result, folder: Path, *, rate: Rate, as_json: bool) -> int:
    if as_json:
        print_json({"folder": str(folder), "result": as_written(result, rate)})
    if result["outcome"] != "completed":
        say(f"{result['outcome']}: {result.get('reason')}")
        if result["outcome"] == "failed":
            say(f"to go on, once that is mended:\n{_resume_command(folder)}")
        return 1
    beside = f", CER {number_text(result.get('eval_cer'), 4)}" if rate == "WER" and "eval_cer" in result else ""
    say(
        f"{rate} {number_text(result.get('eval_wer'), 4)}{beside} after {result.get('step')} steps "
        f"(best {number_text(result.get('best_eval_wer'), 4)}), {number_text(result.get('train_examples_per_s'), 1)} "
        f"clips/s in {result.get('precision_used')}: {folder / (result.get('checkpoint') or '')}"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m raytrain.fit", description="Fine-tune Whisper once, as one baseline says.")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="a baseline key: training.batch_size=16")
    parser.add_argument("--config", metavar="PATH", help="a name in baselines/, or a file; small if not given")
    parser.add_argument("--resume", metavar="DIR", help="go on with a fit in results/ from its last checkpoint")
    parser.add_argument(
        "--address", metavar="ADDR", help="a running Ray cluster, HOST:PORT or auto; else one is started"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the resolved configuration and stop")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


if __name__ == "__main__":
    main()
