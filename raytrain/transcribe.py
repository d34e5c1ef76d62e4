"""python -m raytrain.transcribe: what a run or a model hears in sound files, as text, JSON lines or subtitles."""

import argparse
import os
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from raytrain.arguments import Parser
from raytrain.cli import disk_faults_reported, run_door
from raytrain.config.languages import unknown_language
from raytrain.errors import InputError
from raytrain.files import at_home, write_text
from raytrain.release.models import NamedModel, find_model
from raytrain.release.sound_files import SoundFile, sound_files, targets
from raytrain.release.transcripts import SUFFIXES, Form, Transcript
from raytrain.results.provenance import command_line
from raytrain.speech.progress_bar import progress_on_stderr
from raytrain.stopping import going_on_by
from raytrain.terminal import log_to_stderr, print_json, say, show

if TYPE_CHECKING:  # torch is imported once all that was named is known to be there
    pass


def main() -> None:
    """Run and exit: 0 done; 1 where a file could not be read; 2 where nothing of what was named is there."""
    run_door(_transcribe)


def _transcribe() -> int:
    arguments = _parser().parse_args()
    log_to_stderr()
    _require_sense(arguments)
    files = sound_files(arguments.files)
    if arguments.form == "srt" and arguments.to is None and not arguments.json and len(files) > 1:
        raise InputError(f"--form srt: {len(files)} files are that many subtitles; add --to FOLDER")
    named = find_model(arguments.model, language=arguments.language)
    for caveat in named.caveats():
        say(caveat)
    if arguments.to is None:
        return _heard(named, files, arguments, where={})
    folder = at_home(arguments.to).absolute()
    where = dict(zip(files, targets(files, to=folder, suffix=SUFFIXES[arguments.form]), strict=True))
    command = shlex.join(command_line("raytrain.transcribe"))
    with going_on_by(command), disk_faults_reported(folder, resume=command):
        return _heard(named, _left(files, where), arguments, where=where)


def _heard(
    named: NamedModel, files: list[SoundFile], arguments: argparse.Namespace, *, where: dict[SoundFile, Path]
) -> int:
    if not files:
        return 0
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # or generate() prints its settings at every call
    from raytrain.release.listener import Listener  # here: what is wrong so far is reported before torch is there
    from raytrain.release.transcribe import Unread, transcribe_files

    beams = arguments.num_beams or named.prediction.num_beams
    say(f"{named.name}: {named.kind}, window {named.window_text}, {beams} beam{'s' if beams > 1 else ''}")
    listener = Listener(named, num_beams=beams, batch_size=arguments.batch_size)
    transcripts: list[dict[str, Any]] = []
    unread: list[Unread] = []
    shown = len(files) > 1 and sys.stdout.isatty() and not where and not arguments.json  # the words tell how far it is
    with nullcontext(_unseen) if shown else progress_on_stderr("listening") as progress:
        heard = transcribe_files(listener, files, progress=progress)
        for file, one in zip(files, heard, strict=True):
            if isinstance(one, Unread):
                say(f"{one.path}: {one.reason}")
                unread.append(one)
                continue
            for note in one.notes:
                say(f"{one.path}: note: {note}")
            if where:
                write_text(where[file], one.written(arguments.form))
            if arguments.json:
                transcripts.append(one.as_dict() | ({"written": str(where[file])} if where else {}))
            elif where:
                show(str(where[file]))
            else:
                _show(one, arguments.form, several=len(files) > 1)
    if arguments.json:
        failed = [{"file": str(one.path), "reason": one.reason} for one in unread]
        print_json({"model": named.typed, "files": transcripts, "failed": failed})
    if unread:
        say(f"{len(unread)} of {len(files)} files could not be read")
    return 1 if unread else 0


def _unseen(done: int, total: int) -> None:
    """No bar among the words."""


def _show(one: Transcript, form: Form, *, several: bool) -> None:
    match form:
        case "text":
            show(f"{one.path}: {one.text}" if several else one.text)
        case "jsonl":
            print_json(one.as_dict())
        case "srt":
            for block in one.subtitles():
                show(block)


def _left(files: list[SoundFile], where: dict[SoundFile, Path]) -> list[SoundFile]:
    """The files that have no transcript yet, so that the same command goes on."""
    left = [file for file in files if not where[file].exists()]
    if len(left) < len(files):
        number = len(files) - len(left)
        say(f"{number} of {len(files)} transcripts are there already, and are left as they are")
    return left


def _require_sense(arguments: argparse.Namespace) -> None:
    if arguments.to is not None and at_home(arguments.to).is_file():
        raise InputError(f"--to {arguments.to}: a file; name a folder, which gets a file for each that is heard")
    for name in ("num_beams", "batch_size"):
        value = getattr(arguments, name)
        if value is not None and not 1 <= value <= 10_000:
            raise InputError(f"--{name.replace('_', '-')} {value}: must be at least 1, and at most 10,000")
    if arguments.language is not None and (fault := unknown_language(arguments.language)):
        raise InputError(f"--language: {fault}")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m raytrain.transcribe",
        description="Write down what a run or a model hears in sound files of any length, rate and channel count.",
        example="python -m raytrain.transcribe my-whisper new.wav",
    )
    parser.add_argument(
        "model", metavar="RUN|MODEL",
        help="a fit's, a study's or a checkpoint's folder, also archived; an exported model, any Whisper's folder, or "
        "a hub id",
    )  # fmt: skip
    parser.add_argument("files", nargs="+", metavar="FILE", help="a sound file, or a folder with some")
    parser.add_argument(
        "--form", choices=get_args(Form), default="text",
        help="text, a line a file; jsonl, an object a file, with its windows; srt, subtitles by windows",
    )  # fmt: skip
    parser.add_argument("--to", metavar="FOLDER", help="write a file each there; those that are there are left alone")
    parser.add_argument("--language", metavar="CODE", help="instead of the one that the model speaks")
    parser.add_argument("--num-beams", type=int, metavar="N", help="instead of the model's own number of beams")
    parser.add_argument("--batch-size", type=int, default=16, metavar="N", help="windows at once; changes no word")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


if __name__ == "__main__":
    main()
