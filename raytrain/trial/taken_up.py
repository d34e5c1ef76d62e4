"""A run whose own folder is lost: the place on S3 of its copies in; the same folder here again, to go on from, out.

Copies are up to half a minute older than what was lost. What ended since is an unfinished trial again, which goes on
from its checkpoint on S3; what began since begins anew, as it did.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from raytrain.errors import InputError
from raytrain.files import SUMS, make_folder, whole_folder
from raytrain.files.s3 import RemoteFolder
from raytrain.results.clock import FILE_NAME as CLOCK
from raytrain.results.clock import last_tick
from raytrain.results.description import FIT_FILE, STUDY_FILE, read_description
from raytrain.results.ledger import Ledger
from raytrain.terminal import say
from raytrain.trial.mirror import LARGE, NOT_COPIED
from raytrain.trial.remote_runs import RemoteRuns

HOME = Path("results")
"""Where runs that are kept on S3 have their own folders."""
_QUIET_S = 90.0
"""A driver writes its clock every half minute, and copies it as often: after so long without news nobody runs it."""
_AT_ONCE = 8
_RUNS = "ray"
"""Below a study's folder."""


def take_up(
    url: str, *, home: Path = HOME, quiet_s: float = _QUIET_S, wait: Callable[[float], None] = time.sleep
) -> Path:
    """The folder, in `home`, of the study or fit whose copies lie there.

    InputError where there is none, where its folder is here, and where another process runs it.
    """
    url = url.rstrip("/")
    there = RemoteFolder(url)
    if not urlsplit(url).path.strip("/"):
        raise InputError(f"{url}: a bucket; name the study in it, as in s3://bucket/prefix/STUDY")
    folder = home / Path(url).name
    if folder.exists():
        raise InputError(f"{url}: its own folder is here, and newer than the copies there; --resume {folder}")
    sizes = there.sizes()
    if not {STUDY_FILE, FIT_FILE} & sizes.keys():
        raise InputError(f"{url}: holds neither {STUDY_FILE} nor {FIT_FILE}; name the place of a study or a fit on S3")
    _require_left_alone(there, quiet_s=quiet_s, wait=wait)
    copied = [name for name in sizes if not _is_elsewhere(name)]
    make_folder(home)
    with whole_folder(folder) as built:
        _fetch(there, copied, built)
        kept_at = f"{read_description(built).baseline.storage}/{folder.name}"
        if kept_at != url:
            raise InputError(f"{url}: was kept at {kept_at}; put its objects back there, all of them, and name that")
        _bring_checkpoints(url, built, sizes)
    say(f"{folder}: taken up from {len(copied)} files at {url}")
    return folder


def _require_left_alone(there: RemoteFolder, *, quiet_s: float, wait: Callable[[float], None]) -> None:
    """Wait until the run's clock has stood still for a while; refuse one whose clock goes on."""
    clock = there.read(CLOCK)
    told = last_tick(clock or b"")
    if told is None:
        return
    passed_s = max(0.0, (datetime.now(UTC) - told).total_seconds())
    if passed_s >= quiet_s:
        return
    rest_s = quiet_s - passed_s
    say(f"{there.url}: its clock was written {passed_s:.0f} s ago; seeing for {rest_s:.0f} s whether it goes on")
    wait(rest_s)
    if there.read(CLOCK) != clock:
        raise InputError(f"{there.url}: another process runs it; wait until that has ended, or stop it there")


def _is_elsewhere(name: str) -> bool:
    """Whether an object is no copy of what was in the folder: checkpoints stay where they are."""
    return Path(name).parts[0] in NOT_COPIED or name.startswith(".")


def _fetch(there: RemoteFolder, names: Sequence[str], folder: Path) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda name: there.get(name, folder / name), names))


def _bring_checkpoints(url: str, folder: Path, sizes: dict[str, int]) -> None:
    """What is small of ended trials' checkpoints, as it was in the folder."""
    runs = RemoteRuns(f"{url}/{_RUNS}")
    for record in Ledger(folder).read():
        if record.checkpoint is not None and f"{record.checkpoint}/{SUMS}" in sizes:
            runs.bring(record.checkpoint.removeprefix(f"{_RUNS}/"), folder / record.checkpoint, but=LARGE)
