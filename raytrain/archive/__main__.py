"""python -m raytrain.archive: keep runs that are over, and bring them back."""

import argparse
import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from raytrain.archive.as_baseline import write_baseline
from raytrain.archive.checksums import Manifest
from raytrain.archive.index import restored, what
from raytrain.archive.store import Archive
from raytrain.archive.summaries import summary_or_fault
from raytrain.archive.tree import one_line
from raytrain.arguments import Parser
from raytrain.cli import run_door
from raytrain.errors import Damaged, InputError, Interrupted
from raytrain.results.rates import as_written
from raytrain.terminal import print_json, say, show

_MIB = 2**20


def main() -> None:
    """Exit with 0; 1 where something archived is damaged, though the rest is listed or verified; 2 for bad input."""
    run_door(_archive)


def _archive() -> int:
    arguments = _parser().parse_args()
    _require_folder("--archive", arguments.archive)
    archive = Archive(arguments.archive, say=say)
    try:
        return int(arguments.work(archive, arguments))
    except Damaged as error:
        for fault in error.faults:
            say(f"{archive.home}: {fault}")
        return 1
    except KeyboardInterrupt:
        raise Interrupted(shlex.join(["python", "-m", "raytrain.archive", *sys.argv[1:]])) from None


def _require_folder(option: str, path: Path) -> None:
    """Refuse a path that is, or leads through, a file."""
    nearest = next(place for place in (path, *path.parents, Path("/")) if place.exists())
    if not nearest.is_dir():
        raise InputError(f"{option} {path}: {nearest} is a file; name a folder, whether or not it is there yet")


def _add(archive: Archive, arguments: argparse.Namespace) -> int:
    given = ("why", "name", "to", "replaced_by", "wer_unit", "outside")
    manifest = archive.add(arguments.source, **{key: getattr(arguments, key) for key in given})
    if arguments.json:
        found, _ = summary_or_fault(archive.home / manifest.name)
        print_json(_row(manifest, found))
    say(f"{archive.home / manifest.name}: archived; back with: python -m raytrain.archive restore {manifest.name}")
    return 0


def _list(archive: Archive, arguments: argparse.Namespace) -> int:
    archive.recover()
    rows = []
    back, faults = restored(archive.home)
    for name in archive.names():
        try:
            manifest = archive.read(name)
        except Damaged as error:
            faults += error.faults
            continue
        found, fault = summary_or_fault(archive.home / name)
        rows.append(_row(manifest, found))
        faults += [f"{name}: {fault}"] if fault else []
    for fault in faults:
        say(one_line(fault))
    status = 1 if faults else 0
    if arguments.json:
        gone = [asdict(record) for record in back.values()]
        print_json(
            {
                "archived": [as_written(row, row["rate"]) for row in rows],
                "restored": gone,
                "tensorboard": _tensorboard(archive),
            }
        )
        return status
    for row in rows:
        wer = f"{row['rate']} {row['best_eval_wer']:.4f}" if row["best_eval_wer"] is not None else ""
        size = f"{row['size_bytes'] / _MIB:.1f} MiB"
        parts = [row["name"], row["what"], wer, row["archived_at"][:10], size, row["why"]]
        show("  ".join(part for part in parts if part))
    if not rows and not status:
        say(f"{archive.home}: nothing is archived")
    say(f"look at all runs: {_tensorboard(archive)}")
    return status


def _show(archive: Archive, arguments: argparse.Namespace) -> int:
    archive.recover()
    manifest = archive.read(arguments.name)
    found, fault = summary_or_fault(archive.home / manifest.name)
    row = _row(manifest, found) | {"commit": manifest.commit, "versions": manifest.versions}
    if fault:
        say(f"{manifest.name}: {fault}")
    if arguments.json:
        told = {"manifest": as_written(row, row["rate"]), "summary": as_written(found, row["rate"])}
        print_json({**told, "tensorboard": _tensorboard(archive)})
        return 1 if fault else 0
    for key, value in as_written(row | found, row["rate"]).items():
        if value is not None and key not in ("what", "history", "versions"):
            show(f"{key}: {value}")
    show("versions: " + ", ".join(f"{name} {version}" for name, version in manifest.versions.items() if version))
    for step in found.get("history", []):
        if step.get("eval_wer") is not None:
            show(f"step {step['step']}: {row['rate']} {step['eval_wer']:.4f}")
    say(f"look at all runs: {_tensorboard(archive)}")
    return 1 if fault else 0


def _verify(archive: Archive, arguments: argparse.Namespace) -> int:
    found = archive.verify(arguments.name)
    if arguments.json:
        print_json({"clean": not any(found.values()), "faults": found})
    for name, faults in found.items():
        for fault in faults:
            say(one_line(f"{archive.home / name}: {fault}"))
    damaged = sum(bool(faults) for faults in found.values())
    say(f"{len(found) - damaged} of {len(found)} whole")
    return 1 if damaged else 0


def _restore(archive: Archive, arguments: argparse.Namespace) -> int:
    if arguments.as_baseline:
        return _restore_as_baseline(archive, arguments)
    if arguments.to:
        _require_folder("--to", arguments.to)
    place = archive.restore(arguments.name, to=arguments.to, keep=arguments.keep)
    if arguments.json:
        print_json({"name": arguments.name, "folder": str(place)})
    say(f"{place}: restored")
    return 0


def _restore_as_baseline(archive: Archive, arguments: argparse.Namespace) -> int:
    if arguments.keep:
        raise InputError("--keep: --as-baseline moves nothing, so all is kept anyway; leave it out")
    archive.recover()
    path = arguments.to or archive.project / "baselines" / f"{archive.read(arguments.name).name}.yaml"
    notes = write_baseline(archive.home / arguments.name, path)
    if arguments.json:
        print_json({"name": arguments.name, "baseline": str(path), "notes": notes})
    for note in notes:
        say(note)
    say(f"{path}: train it with: python -m raytrain.fit --config {shlex.quote(os.path.relpath(path))}")
    return 0


def _row(manifest: Manifest, found: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": manifest.name,
        "kind": manifest.kind,
        "what": what(manifest, found),
        "rate": found.get("rate", "WER"),
        "best_eval_wer": found.get("best_eval_wer"),
        "archived_at": manifest.archived_at,
        "why": manifest.why,
        "replaced_by": manifest.replaced_by,
        "origin": one_line(manifest.origin),
        "remote": manifest.remote,
        "files": len(manifest.files),
        "size_bytes": manifest.size_bytes,
    }


def _tensorboard(archive: Archive) -> str:
    """The command that shows archived and current runs together: TensorBoard walks each folder it is given."""
    folders = {"results": archive.project / "results", "archive": archive.home}
    spec = ",".join(f"{name}:{os.path.relpath(folder)}" for name, folder in folders.items())
    return f"tensorboard --logdir_spec {shlex.quote(spec)}"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m raytrain.archive",
        description="Keep runs that are over, and bring them back.",
        example="python -m raytrain.archive list",
    )
    parser.add_argument("--archive", type=Path, default=Path("archive"), metavar="FOLDER", help="archive/ if not given")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

    add = _command(commands, "add", _add, "move a study, a fit or a foreign run into the archive")
    add.add_argument("source", type=Path, metavar="FOLDER")
    add.add_argument("--why", required=True, help="why it is over: 'small is the baseline now'")
    add.add_argument("--name", help="its name in the archive; its folder's if not given")
    add.add_argument("--to", metavar="s3://BUCKET/PREFIX", help="put weights and large files there, the rest here")
    add.add_argument("--replaced-by", metavar="WHAT", help="what came after it")
    add.add_argument("--wer-unit", choices=["fraction", "percent"], help="of a foreign run's WER; guessed if not given")
    add.add_argument("--outside", action="store_true", help="the run lies outside this project")

    _command(commands, "list", _list, "what is archived, a line each")
    show = _command(commands, "show", _show, "one run: its configuration, WER history and provenance")
    show.add_argument("name")
    verify = _command(commands, "verify", _verify, "read every byte, and name what differs from the manifest")
    verify.add_argument("name", nargs="?")

    restore = _command(commands, "restore", _restore, "move a run back to where it came from")
    restore.add_argument("name")
    restore.add_argument("--to", type=Path, metavar="DIR", help="a folder that is not there yet, or is empty")
    restore.add_argument("--keep", action="store_true", help="keep it in the archive as well")
    restore.add_argument("--as-baseline", action="store_true", help="write its configuration to baselines/NAME.yaml")
    return parser


def _command(commands: Any, name: str, work: Any, purpose: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=purpose, description=purpose)
    command.add_argument("--json", action="store_true", help="one JSON object on stdout")
    command.set_defaults(work=work)
    return command


if __name__ == "__main__":
    main()
