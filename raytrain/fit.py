"""python -m raytrain.fit: train one baseline, or go on with a fit that was stopped."""

import argparse
import shlex
import signal
from pathlib import Path
from typing import Any

from raytrain.cli import Interrupted, Parser, log_to_stderr, print_json, run_door, say
from raytrain.config.baseline import Baseline
from raytrain.config.derived import derived
from raytrain.config.reader import dump_yaml, load_baseline
from raytrain.errors import InputError


def main() -> None:
    run_door(_fit)


def _fit() -> int:
    arguments = _parser().parse_intermixed_args()
    resumed = _absolute(arguments.resume)
    if resumed is not None:
        if arguments.overrides or arguments.config:
            raise InputError("--resume goes on with the fit's own configuration; leave out --config and key=value")
        from raytrain.trial.fit import read_fit

        config, told = read_fit(resumed)
        if told["outcome"] is not None and told["outcome"] != "failed":
            say(f"{resumed} has ended ({told['outcome']}); nothing is left to do")
            return _report(told, resumed, as_json=arguments.json)
    else:
        config = load_baseline(arguments.config or "small", arguments.overrides)
    if arguments.dry_run:
        return _dry_run(config, as_json=arguments.json)
    log_to_stderr()
    return _train(config, name=Path(arguments.config or "small").stem, folder=resumed, arguments=arguments)


def _train(config: Baseline, *, name: str, folder: Path | None, arguments: argparse.Namespace) -> int:
    from raytrain.results.folders import new_run_folder
    from raytrain.results.provenance import command_line, provenance
    from raytrain.trial.fit import fit
    from raytrain.trial.inputs import inputs_of

    inputs, whereabouts = inputs_of(config)
    folder = folder or new_run_folder(config.storage, [name]).absolute()
    say(f"{folder}: {_description(config, synthetic=inputs.synthetic)}")
    numbers = derived(config, inputs.train_utterances)
    say(
        f"{numbers['train_utterances']} utterances train and {len(inputs.split.validation)} are scored, "
        f"no child in both; {numbers['steps']} steps of {numbers['effective_batch_size']}"
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        told = fit(
            config,
            folder=folder,
            inputs=inputs,
            whereabouts=whereabouts,
            provenance=provenance(command_line("raytrain.fit"), {"training.seed": config.training.seed}),
        )
    except KeyboardInterrupt:
        raise Interrupted(f"python -m raytrain.fit --resume {shlex.quote(str(folder))}") from None
    return _report(told, folder, as_json=arguments.json)


def _report(told: dict[str, Any], folder: Path, *, as_json: bool) -> int:
    if as_json:
        print_json({"folder": str(folder)} | told)
    if told["outcome"] != "completed":
        say(f"{told['outcome']}: {told['reason']}")
        return 1
    say(
        f"WER {told['eval_wer']:.4f} after {told['step']} steps (best {told['best_eval_wer']:.4f}); "
        f"{told['train_examples_per_s']:.1f} clips/s in {told['precision_used']}; {folder / told['checkpoint']}"
    )
    return 0


def _description(config: Baseline, *, synthetic: bool) -> str:
    model = config.model
    parts = [f"whisper-{model.variant} from {model.pretrained or 'random weights: its WER means nothing'}"]
    parts.append(f"{config.training.batch_size} × {config.training.gradient_accumulation_steps}")
    if synthetic:
        parts.append("the demo corpus is synthetic: it says nothing about real children")
    return ", ".join(parts)


def _dry_run(config: Baseline, *, as_json: bool) -> int:
    numbers = derived(config, None)
    if as_json:
        print_json({"config": config.model_dump(), "derived": numbers})
    else:
        print(dump_yaml(config), end="")
        for name, value in numbers.items():
            print(f"# {name}: {'null' if value is None else value}")
    return 0


def _absolute(folder: str | None) -> Path | None:
    return Path(folder).absolute() if folder is not None else None


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m raytrain.fit", description="Fine-tune Whisper once, as one baseline says.")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="a baseline key: training.batch_size=16")
    parser.add_argument("--config", metavar="PATH", help="a name in baselines/, or a file; small if not given")
    parser.add_argument("--resume", metavar="DIR", help="go on with a fit in results/ from its last checkpoint")
    parser.add_argument("--dry-run", action="store_true", help="print the resolved configuration and stop")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


if __name__ == "__main__":
    main()
