"""Runs hostile inputs, one after the other, in this process: a seed and a number of inputs in, a line of JSON each out.

    PYTHONPATH=.:tests/helpers python tests/helpers/hostile_run.py --made FOLDER --seed 1 --count 300 [--target NAME]

An input is its target, the seed and its number: the same three make the same input again. Two lines are printed of
each: one before it (so that whoever reads them knows what killed or hung this process) and one after it.
"""

import argparse
import faulthandler
import io
import json
import logging
import os
import random
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIMIT_S = 20
LIMIT_MIB = 1024
_MOST_ADDRESSED_BYTES = 6 * 2**30
"""More than this process has with all its libraries: what asks for more raises MemoryError and shows as a traceback."""
_ENDS = (0, 1, 2, 130)
_LONGEST_WORDS = 40_000


class Reached(BaseException):
    """The door would start a cluster now: it has taken its input."""


class _Hung(BaseException):
    pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--target", help="this one alone; all in turn if not given")
    parser.add_argument("--made", type=Path, required=True, help="a folder for what inputs are made from; made once")
    arguments = parser.parse_args()
    told = sys.stdout
    _alone()
    from hostile_targets import TARGETS, Place, originals

    made = originals(arguments.made.absolute())
    names = [arguments.target] if arguments.target else list(TARGETS)
    for number in range(arguments.first, arguments.first + arguments.count):
        name = names[number % len(names)]
        print(json.dumps({"number": number, "target": name}), file=told, flush=True)
        place = Place(_emptied(arguments.made.absolute() / "place"), made)
        rng = random.Random(f"{name} {arguments.seed} {number}")
        with _kept_as_it_is(place.here):
            found = _tried(TARGETS[name], rng, place)
        print(json.dumps({"number": number, "target": name, **found}), file=told, flush=True)


def _tried(target: Any, rng: random.Random, place: Any) -> dict[str, Any]:
    call = target(rng, place)
    started, base = time.monotonic(), _resident_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    status, fault = _status(call)
    said = sys.stderr.buffer.getvalue().decode("utf-8", "replace")
    shown = sys.stdout.buffer.getvalue().decode("utf-8", "replace")
    grown = _resident_mib("VmHWM") - base
    fault = fault or _wrong(status, said, shown)
    if fault is None and grown > LIMIT_MIB:
        fault = f"took {grown} MiB"
    told = {"status": status, "fault": fault, "seconds": round(time.monotonic() - started, 2), "mib": grown}
    if fault is not None:
        told |= {"door": call.door, "arguments": call.arguments, "about": call.about, "said": said[-3000:]}
        told |= {"environment": call.environment}
    return told


def _status(call: Any) -> tuple[int | str, str | None]:
    """How a door ended, and its traceback if it has one."""
    sys.argv = [f"raytrain.{call.door}", *call.arguments]
    os.environ.update({name: value for name, value in call.environment.items() if value is not None})
    for name in [name for name, value in call.environment.items() if value is None]:
        os.environ.pop(name, None)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    faulthandler.dump_traceback_later(2 * LIMIT_S, exit=True, file=sys.__stderr__)
    try:
        call.main()
    except SystemExit as left:
        return (left.code or 0) if isinstance(left.code, int | None) else str(left.code), None
    except Reached:
        return "reached", None
    except _Hung:
        return "hung", "hung:\n" + traceback.format_exc()[-3000:]
    except BaseException:  # noqa: BLE001 - each of them would end the door in a traceback
        return "raised", traceback.format_exc()[-4000:]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
    return "returned", "a door returned"


def _wrong(status: int | str, said: str, shown: str) -> str | None:
    if status != "reached" and status not in _ENDS:
        return f"status {status}"
    if status in (1, 2) and not (said + shown).strip():
        return "no words"
    if "Traceback (most recent call last)" in said:
        return "a traceback in its words"
    if not said.translate({ord("\n"): "", ord("\t"): ""}).isprintable():
        return "words that steer a terminal"
    if len(said) > _LONGEST_WORDS:
        return f"{len(said)} letters of words"
    return None


def _alone() -> None:
    """No server, no account and no home of this machine; a cluster is never started."""
    signal.signal(signal.SIGALRM, _hung)
    for name in [name for name in os.environ if name.startswith(("WANDB_", "AWS_", "RAY_", "HF_"))]:
        del os.environ[name]
    os.environ |= {
        "WANDB_MODE": "offline", "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "HF_HUB_OFFLINE": "1", "BROWSER": "/bin/true", "COLUMNS": "120",
    }  # fmt: skip
    from raytrain import bench
    from raytrain.trial import cluster

    cluster.connected = _no_cluster  # type: ignore[assignment]
    bench._surfaces = bench._equivalents = _no_work  # type: ignore[assignment]
    bench._MEASURES |= dict.fromkeys(("overhead", "start", "step", "eval", "study"), _no_work)


@contextmanager
def _no_cluster(address: str | None = None, **_: Any) -> Iterator[None]:
    from raytrain.trial.cluster import set_environment, short_folder
    from raytrain.trial.joining import require_answer

    set_environment(address)
    if (asked := address or os.environ.get("RAY_ADDRESS")) is not None:
        require_answer(asked)
    else:
        short_folder()
    raise Reached
    yield


def _no_work(*_: Any) -> Any:
    raise Reached


def _hung(number: int, frame: Any) -> None:
    raise _Hung


@contextmanager
def _kept_as_it_is(here: Path) -> Iterator[None]:
    """What a door changes of its process is as before afterwards; its streams keep what it says."""
    before, streams, argv = dict(os.environ), (sys.stdout, sys.stderr), sys.argv
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    os.chdir(here)
    resource.setrlimit(resource.RLIMIT_AS, (_addressed_bytes() + _MOST_ADDRESSED_BYTES, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        sys.stdout, sys.stderr = streams
        sys.argv = argv
        os.environ.clear()
        os.environ.update(before)
        os.chdir("/")
        logging.raiseExceptions = True


def _emptied(folder: Path) -> Path:
    if folder.exists():
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(folder)
    folder.mkdir()
    return folder


def _resident_mib(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) // 1024


def _addressed_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    main()
