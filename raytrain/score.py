"""python -m raytrain.score: runs, models or predictions on a held-out test manifest, with intervals, side by side."""

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from raytrain.arguments import Parser
from raytrain.cli import disk_faults_reported, run_door
from raytrain.config.languages import language_code, unknown_language
from raytrain.errors import InputError
from raytrain.files import at_home
from raytrain.release.asked import Asked, named
from raytrain.release.held_out import HeldOut, prepared
from raytrain.release.models import NamedModel, find_model
from raytrain.release.predictions import NamedPredictions, read_predictions
from raytrain.release.score_folder import ScoreFolder
from raytrain.report.score_tables import overall_table, statement
from raytrain.results.provenance import command_line
from raytrain.results.run_folder import new_run_folder
from raytrain.results.scores import Scores
from raytrain.speech.manifest import manifest_path
from raytrain.speech.progress_bar import progress_on_stderr
from raytrain.stopping import going_on_by
from raytrain.terminal import log_to_stderr, print_json, printable, say

if TYPE_CHECKING:  # torch is imported once all that was named is known to be there
    from raytrain.release.score import Done

_STORAGE = "results"


def main() -> None:
    run_door(_score)


def _score() -> None:
    command = command_line("raytrain.score")
    with going_on_by(shlex.join(command)):
        arguments = _parser().parse_args()
        log_to_stderr()
        _require_counts(arguments)
        contestants = [_contestant(typed, arguments) for typed in arguments.models]
        language = _language(contestants, arguments.language)
        with progress_on_stderr("preparing") as progress:
            held_out = prepared(arguments.manifest, max_bad_share=arguments.max_bad_share, progress=progress)
        _announce(held_out)
        asked = Asked(
            contestants=named(contestants),
            language=language,
            num_beams=arguments.num_beams,
            batch_size=arguments.batch_size,
        )
        asked.require_matching(held_out)
        folder = ScoreFolder(_place(arguments.to, asked), asked.identity(held_out))
    going_on = shlex.join(command if arguments.to else [*command, "--to", str(folder.path)])
    with going_on_by(going_on), disk_faults_reported(folder.path, resume=going_on):
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # or generate() prints its settings at every call
        from raytrain.release.score import score  # here: what is wrong so far is reported before torch is there

        _tell(score(asked, held_out, folder, say=say), as_json=arguments.json)


def _require_counts(arguments: argparse.Namespace) -> None:
    for name in ("num_beams", "batch_size"):
        if not 1 <= getattr(arguments, name) <= 10_000:
            option = name.replace("_", "-")
            raise InputError(f"--{option} {getattr(arguments, name)}: must be at least 1, and at most 10,000")
    if not 0 <= arguments.max_bad_share <= 1:
        raise InputError(f"--max-bad-share {arguments.max_bad_share:g}: must be a share from 0 to 1")
    if arguments.language is not None and (fault := unknown_language(arguments.language)):
        raise InputError(f"--language: {fault}")


def _contestant(typed: str, arguments: argparse.Namespace) -> NamedModel | NamedPredictions:
    path = at_home(typed)
    if not _is_file(path):
        if path.suffix in (".json", ".jsonl") and not path.is_dir():
            raise InputError(f"{typed}: there is no such file; name predictions in JSON lines, a run or a model")
        return find_model(typed, language=arguments.language)
    if any(path.resolve() == manifest_path(manifest) for manifest in arguments.manifest):
        raise InputError(f"{typed}: is the test manifest itself; name what a model heard of it")
    return read_predictions(path, typed=typed)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a null in it
        return False


def _language(contestants: list[NamedModel | NamedPredictions], asked: str | None) -> str:
    """The language that all are scored in: what was asked for, else what the models speak."""
    if asked is not None:
        return language_code(asked)
    spoken = {one.name: one.model.text_language() for one in contestants if isinstance(one, NamedModel)}
    if len(set(spoken.values())) > 1:
        each = ", ".join(f"{name} {code}" for name, code in spoken.items())
        raise InputError(f"the models speak several languages ({each}): name the one to score by --language")
    return next(iter(spoken.values()), "en")


def _announce(held_out: HeldOut) -> None:
    say(f"{len(held_out)} utterances of {len(held_out.children)} children, {held_out.hours:.2f} h")
    if not held_out.has_texts:
        say("the manifest has no transcripts: predictions alone, and nothing is scored")
    for caveat in held_out.caveats():
        say(caveat)


def _place(to: str | None, asked: Asked) -> Path:
    if to is not None:
        return at_home(to).absolute()
    return new_run_folder(_STORAGE, ["score", "_and_".join(asked.contestants)[:100]]).absolute()


def _tell(done: "Done", *, as_json: bool) -> None:
    if as_json:
        print_json(done.as_dict())
    elif done.scores is not None:
        _show(done.scores)
    if done.scores is None:
        for path in done.heard.values():
            say(f"predictions {path}")
        return
    for line in [*statement(done.scores), *(one.sentence for one in done.scores.against)]:
        say(line)
    say(f"report     {done.folder / 'report.html'}")


def _show(scores: Scores) -> None:
    table = overall_table(scores)
    drawn = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for heading, numeric in zip(table.headings, table.numeric, strict=True):
        drawn.add_column(heading, justify="right" if numeric else "left", no_wrap=True)
    for texts in table.texts:
        drawn.add_row(*map(printable, texts))
    console = Console(markup=False)
    (console if console.is_terminal else Console(width=160, markup=False)).print(drawn)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m raytrain.score",
        description="Score runs, models or predictions on a held-out test manifest: error rates with their intervals "
        "over children, by age, length, session and source, and side by side against the first.",
        example="python -m raytrain.score my-whisper openai/whisper-small --manifest my/test.jsonl",
    )
    parser.add_argument(
        "models", nargs="+", metavar="RUN|MODEL|PREDICTIONS",
        help="a fit's, a study's or a checkpoint's folder, also archived; an exported model, any Whisper's folder or a "
        "hub id; or JSON lines with utterance_id and orthographic_text",
    )  # fmt: skip
    parser.add_argument(
        "--manifest", action="append", required=True, metavar="FILE",
        help="the test manifest, or `demo`; several are scored together and by source; without transcripts: "
        "predictions alone",
    )  # fmt: skip
    parser.add_argument("--to", metavar="FOLDER", help="results/<date>_score_... if not given; the same again goes on")
    parser.add_argument("--language", metavar="CODE", help="instead of the one that the models speak")
    parser.add_argument("--num-beams", type=int, default=1, metavar="N", help="1, greedily, if not given")
    parser.add_argument(
        "--batch-size", type=int, default=16, metavar="N", help="clips at once; no figure depends on it"
    )
    parser.add_argument(
        "--max-bad-share", type=float, default=0.02, metavar="SHARE", help="of utterances that may be unusable"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


if __name__ == "__main__":
    main()
