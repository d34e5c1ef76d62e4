"""A lock is one process's, names it while it lasts, and goes with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from raytrain.errors import InputError
from raytrain.files import ProcessLock

HOLDS = """
import sys, time
from pathlib import Path
from raytrain.files import ProcessLock
with ProcessLock(Path(sys.argv[1]), in_use=lambda holder: None):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def refused(holder: str) -> InputError:
    return InputError(f"in use by {holder}")


def held_by_another(path: Path, *, seconds: float) -> subprocess.Popen[bytes]:
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, str(path), str(seconds)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    return holder


def test_a_second_process_is_refused_and_named_the_first_until_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "study.lock"
    with held_by_another(path, seconds=60) as holder:
        for _ in range(2):  # a refused attempt leaves the name in the file
            with (
                pytest.raises(InputError, match=rf"in use by process {holder.pid} on \S+"),
                ProcessLock(path, in_use=refused),
            ):
                pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with ProcessLock(path, in_use=refused):
            assert path.read_text().startswith(f"process {os.getpid()} on ")


def test_whoever_does_not_refuse_waits_until_the_lock_is_free(tmp_path: Path) -> None:
    path, heard = tmp_path / "corpus.lock", []
    with held_by_another(path, seconds=1) as holder:
        began_s = time.monotonic()
        with ProcessLock(path, in_use=heard.append):
            assert time.monotonic() - began_s > 0.5
    assert heard == [f"process {holder.pid} on {os.uname().nodename}"]


def test_the_same_object_is_entered_again_and_freed_at_its_last_leaving(tmp_path: Path) -> None:
    path = tmp_path / "study.lock"
    lock, other = ProcessLock(path, in_use=refused), ProcessLock(path, in_use=refused)
    with lock:
        with lock:
            pass
        with pytest.raises(InputError), other:
            pass
    with other:
        pass


def test_a_folder_in_the_place_of_a_lock_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="a folder, in the place of a file; remove it"),
        ProcessLock(tmp_path, in_use=refused),
    ):
        pass
