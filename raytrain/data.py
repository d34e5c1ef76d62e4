"""`python -m raytrain.data {import,check,prepare}`: a manifest of other data, what is wrong with one, its corpus."""

import argparse
import shlex
import sys
from functools import cache
from typing import Any

from raytrain.arguments import Parser
from raytrain.cli import run_door
from raytrain.config.constants import GIB
from raytrain.config.reader import load_baseline
from raytrain.errors import InputError, Interrupted
from raytrain.files import at_home
from raytrain.speech.check import check
from raytrain.speech.corpus import prepare
from raytrain.speech.halves import Halves, Speakers
from raytrain.speech.imports.columns import ROLES
from raytrain.speech.imports.kinds import open_source
from raytrain.speech.imports.plan import planned
from raytrain.speech.imports.write import MANIFEST, TooManyBad, write
from raytrain.speech.manifest import manifest_path
from raytrain.speech.problems import problem_lines, wrong_everywhere
from raytrain.speech.progress_bar import progress_on_stderr
from raytrain.speech.split import split_by_child
from raytrain.terminal import log_to_stderr, print_json, say, show


def main() -> None:
    """Run a command and exit: 0 done; 1 where `check` found an utterance unusable; 2 where there is no manifest."""
    run_door(_data)


def _data() -> int:
    arguments = _parser().parse_args()
    log_to_stderr()
    return int(arguments.work(arguments))


def _check(arguments: argparse.Namespace) -> int:
    if arguments.max_label_tokens < 1:
        raise InputError(f"--max-label-tokens {arguments.max_label_tokens}: must be at least 1")
    manifest = manifest_path(arguments.manifest)
    with progress_on_stderr("checking") as progress:
        checked = check(
            manifest, max_label_tokens=arguments.max_label_tokens, count_tokens=_count_tokens, progress=progress
        )
    if not checked.tally.usable and not checked.problems:
        raise InputError(f"{arguments.manifest}: holds no utterances; one JSON object a line is wanted")
    halves, why_none = _halves(checked.speakers)
    if arguments.json:
        told = None if halves is None else halves.as_dict()
        found = {"children": checked.num_children, "hours": checked.hours, "data": told}
        problems = [problem.as_dict() for problem in checked.problems]
        listed = {"problems": problems, "unlisted": checked.unlisted}
        print_json({"manifest": str(manifest), **checked.tally.as_dict(), **found, **listed})
    else:
        everywhere = wrong_everywhere(checked.problems, checked.tally, place=arguments.manifest)
        if everywhere is not None:
            show(everywhere)
            return 1
        for line in problem_lines(checked.problems, checked.unlisted, place=arguments.manifest):
            show(line)
        show(f"{checked.tally.describe()}; {checked.num_children} children, {checked.hours:.2f} h usable")
        for line in [why_none] if halves is None else halves.lines():
            show(line)
    return 1 if checked.tally.num_left_out else 0


def _halves(speakers: Speakers) -> tuple[Halves | None, str]:
    """What would train and be scored with the small baseline's split, or why there is none."""
    baseline = load_baseline("small")
    data = baseline.data
    stratify = data.stratify_by is not None
    try:
        split = split_by_child(speakers, ratio=data.validation_ratio, seed=baseline.training.seed, stratify=stratify)
    except InputError as error:
        return None, f"note       {error}"
    return Halves.of(speakers, split), ""


def _prepare(arguments: argparse.Namespace) -> int:
    if not 0 <= arguments.max_bad_share <= 1:
        raise InputError(f"--max-bad-share {arguments.max_bad_share:g}: must be a share from 0 to 1")
    manifest = manifest_path(arguments.manifest)
    with progress_on_stderr("preparing") as progress:
        corpus = prepare(manifest, max_bad_share=arguments.max_bad_share, progress=progress)
    summary = {
        "folder": str(corpus.folder),
        "gib": sum(path.stat().st_size for path in corpus.folder.iterdir()) / GIB,
        "children": len(set(corpus.child_ids)),
        "hours": float(corpus.durations_s.sum(dtype=float)) / 3600,
        "synthetic": corpus.synthetic,
        **corpus.problems.as_dict(),
    }
    if arguments.json:
        print_json({"manifest": str(manifest), **summary})
    else:
        if corpus.synthetic:
            say("the demo corpus is synthetic: word error rates on it say nothing about real children")
        show(f"{summary['folder']}: {summary['gib']:.2f} GiB")
        show(f"{corpus.problems.describe()}; {summary['children']} children, {summary['hours']:.2f} h")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    if not 0 <= arguments.max_bad_share <= 1:
        raise InputError(f"--max-bad-share {arguments.max_bad_share:g}: must be a share from 0 to 1")
    named = {role: column for role in ROLES if (column := getattr(arguments, role)) is not None}
    source = open_source(arguments.source, split=arguments.split, configuration=arguments.configuration)
    plan = planned(source, named, each_its_own_speaker=arguments.each_its_own_speaker)
    for line in plan.lines():
        say(line)
    folder = at_home(arguments.to).absolute()
    try:
        with progress_on_stderr("importing") as progress:
            imported = write(plan, folder, max_bad_share=arguments.max_bad_share, progress=progress)
    except TooManyBad as error:
        if not arguments.json:
            for line in error.imported.lines(place=arguments.source):
                show(line)
        raise
    except KeyboardInterrupt:
        raise Interrupted(f"python -m raytrain.data {shlex.join(sys.argv[1:])}") from None
    manifest = folder / MANIFEST
    if imported.was_whole:
        say(f"{arguments.to}: was imported before, and is whole")
    if arguments.json:
        print_json({**plan.as_dict(), "manifest": str(manifest), **imported.as_dict()})
    else:
        for line in imported.lines(place=arguments.source):
            show(line)
        show(f"{manifest}: `python -m raytrain.tune --baseline small data.train_manifest={shlex.quote(str(manifest))}`")
    return 0


def _count_tokens(text: str) -> int | None:
    """The number of label tokens of a transcript; None where no Whisper's tokenizer is at hand."""
    # Few transcripts are long enough to need it, and it takes seconds to import.
    from raytrain.config.baseline import Model
    from raytrain.whisper.labels import encode

    tokenizer = _tokenizer()
    return None if tokenizer is None else len(encode(tokenizer, text, Model(variant="small", pretrained=None)))


@cache
def _tokenizer() -> Any:
    """The tokenizer of any Whisper on this machine: they all cut English alike, and checking should fetch nothing."""
    from raytrain.whisper.folders import known_folders
    from raytrain.whisper.tokenizer import load_tokenizer

    folder = next(known_folders(), None)
    return None if folder is None else load_tokenizer(folder)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m raytrain.data",
        description="A manifest made of other data; what is wrong with a manifest; its prepared corpus.",
        example="python -m raytrain.data check my/manifest.jsonl",
    )
    commands = parser.add_subparsers(required=True, metavar="{import,check,prepare}", parser_class=Parser)
    importing = commands.add_parser("import", help="make a manifest of a table, a data set or a Kaldi directory")
    importing.add_argument("source", metavar="SOURCE", help="a file, a folder, or a hub's id of a data set")
    importing.add_argument("--to", required=True, metavar="FOLDER", help="a new or empty folder, or one to go on with")
    importing.add_argument("--split", metavar="NAME", help="which one, or several, as in train+test")
    importing.add_argument("--configuration", metavar="NAME", help="of a data set that has several")
    for role, what in _ROLES.items():
        importing.add_argument(f"--{role}", metavar="COLUMN", help=what)
    importing.add_argument(
        "--each-its-own-speaker", action="store_true", help="where nothing says who speaks; a caveat in every output"
    )
    importing.set_defaults(work=_import)
    checking = commands.add_parser("check", help="list what is wrong, a line each, with totals")
    checking.add_argument("--max-label-tokens", type=int, default=448, help="data.max_label_tokens of the baseline")
    checking.set_defaults(work=_check)
    preparing = commands.add_parser("prepare", help="make the prepared corpus that all trials share")
    preparing.set_defaults(work=_prepare)
    for command in (importing, preparing):
        command.add_argument("--max-bad-share", type=float, default=0.02, help="data.max_bad_share of the baseline")
    for command in (checking, preparing):
        command.add_argument("manifest", metavar="MANIFEST", help="a JSON-lines manifest, or `demo`")
    for command in (importing, checking, preparing):
        command.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


_ROLES = {
    "audio": "sound: paths, or the sound itself",
    "text": "transcripts",
    "speaker": "who speaks",
    "age": "ages in years, months (a name with `month`), ranges, words or buckets",
    "session": "recording sessions",
    "id": "utterances' own ids",
}


if __name__ == "__main__":
    main()
