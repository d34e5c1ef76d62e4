"""python -m raytrain.export: a run's best weights as a model that others load, or as a submission."""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from raytrain.arguments import Parser
from raytrain.cli import run_door
from raytrain.config.reader import apply_sample
from raytrain.errors import InputError
from raytrain.release.ct2 import PROVED, Quantization, require_ct2
from raytrain.release.members import Candidates, of_run, of_study
from raytrain.release.merged import require_adapter
from raytrain.release.runs import Form, KeptRun, find_run
from raytrain.release.target import require_free
from raytrain.terminal import log_to_stderr, print_json, say

if TYPE_CHECKING:
    from raytrain.release.push import Destination


def main() -> None:
    run_door(_export)


def _export() -> None:
    arguments = _parser().parse_args()
    run = find_run(Path(arguments.run))
    if arguments.num_beams is not None:
        run = replace(run, config=apply_sample(run.config, {"prediction.num_beams": arguments.num_beams}))
    candidates = _candidates(arguments, run)
    if arguments.quantization and arguments.form != "ct2":
        raise InputError(f"--form {arguments.form}: --quantization is of --form ct2")
    if arguments.prove is not None and arguments.prove < (1 if arguments.form == "ct2" else 0):
        raise InputError(f"--prove {arguments.prove}: at least one clip is heard; the more, the surer")
    if arguments.form == "ct2":
        require_ct2()
    if arguments.form == "adapter":
        require_adapter(run, averaged=candidates is not None)
    require_free(Path(arguments.to))
    hub = _hub(arguments)
    log_to_stderr()
    _announce(run)
    for line in () if candidates is None else candidates.passed_over:
        say(f"{line}; passed over")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # or generate() prints its settings at every call
    from raytrain.release.export import export  # here: what is wrong so far is reported before torch is imported

    done = export(
        run,
        to=Path(arguments.to),
        form=arguments.form,
        candidates=candidates,
        say=say,
        quantization=arguments.quantization or "float32",
        num_proved=arguments.prove,
    )
    pushed = None if hub is None else hub.push(done.folder)
    if arguments.json:
        print_json(done.as_dict() | {"pushed": pushed and pushed.as_dict()})
    if pushed is not None:
        say(pushed.sentence)
    elif done.form == "submission":
        say(f"{done.folder / 'submission.zip'}: written")
    else:
        say(f"{done.folder}: read its README.md before you publish it; it names the manifest and the command as typed")


def _candidates(arguments: argparse.Namespace, run: KeptRun) -> Candidates | None:
    """What is averaged, if anything is."""
    if arguments.soup is not None and arguments.average is not None:
        raise InputError(
            "--soup is of a study's trials and --average of one run's checkpoints; leave one of the two out"
        )
    if arguments.soup is not None:
        return of_study(Path(arguments.run), arguments.soup)
    return None if arguments.average is None else of_run(run, arguments.average)


def _hub(arguments: argparse.Namespace) -> "Destination | None":
    """Where the export is pushed to, if it is; asked of the hub before the work."""
    if arguments.push is None:
        if arguments.public:
            raise InputError("--public: is of --push HUB_ID, and nothing is pushed without it")
        return None
    if arguments.form != "hf":
        raise InputError(f"--push {arguments.push}: is of --form hf, and this is --form {arguments.form}")
    if arguments.prove == 0:
        raise InputError(f"--push {arguments.push}: only what was proved is pushed; leave out --prove 0")
    from raytrain.release.push import destination  # here: the hub's client takes a while to load

    return destination(arguments.push, public=arguments.public)


def _announce(run: KeptRun) -> None:
    for caveat in run.description.caveats():
        say(caveat)
    for line in run.damaged:
        say(f"{line}; passed over")
    ended = None if run.description.result is None else run.description.result["outcome"]
    if run.trial is None and ended != "completed":
        say(f"{run.name} {'has not ended' if ended is None else f'ended as {ended}'}: this is of what it kept so far")
    wer = "not scored" if run.best.eval_wer is None else f"{run.config.model.rate()} {run.best.eval_wer:.4f}"
    say(f"{run.name}: step {run.best.step}, {wer}, the best of {len(run.checkpoints)} checkpoint(s) here")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m raytrain.export",
        description="Export a run's best weights: in Hugging Face's form, as the challenge's submission, for "
        "faster-whisper, or, where an adapter learned, the adapter alone, for peft.",
        example="python -m raytrain.export results/RUN --to my-whisper",
    )
    parser.add_argument("run", metavar="RUN", help="a fit's folder, a study's (its best trial), or a checkpoint's")
    parser.add_argument("--to", required=True, metavar="FOLDER", help="a new folder, or an empty one")
    parser.add_argument(
        "--form", choices=get_args(Form), default="hf", help="hf if not given; adapter: left apart, not merged"
    )
    parser.add_argument("--quantization", choices=get_args(Quantization), help="of --form ct2; float32 if not given")
    parser.add_argument(
        "--prove",
        type=int,
        metavar="N",
        help=f"validation clips that must come out as raytrain hears them, {PROVED} if not given; 0: export unproved, "
        "not of --form ct2",
    )
    parser.add_argument(
        "--average", type=int, metavar="K", help="average those of the run's best K checkpoints that lower the error"
    )
    parser.add_argument("--soup", type=int, metavar="K", help="likewise, of the study's best K trials")
    parser.add_argument("--num-beams", type=int, metavar="N", help="instead of the run's prediction.num_beams")
    parser.add_argument(
        "--push", metavar="HUB_ID", help="of --form hf: upload it, too, once proved, as a private model"
    )
    parser.add_argument("--public", action="store_true", help="of --push: open to everybody")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


if __name__ == "__main__":
    main()
