"""A process that has imported what training needs: a study's own, in; a socket at which it forks a training, out.

To import torch and transformers takes a worker as long as to train on twenty clips. Here it is done once for all trials
that are trained on this machine. Forks have all their parent's memory in common until they write to it. A process that
has used CUDA cannot be forked, and none has been tried: trials on a card import for themselves.
"""

import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from raytrain.trial.forked import Order, Report, end_with_parent, serve

_SOCKET = "nursery"
_NO_THREADS = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""Else numpy and pyarrow start theirs as they are imported."""
KEPT_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**62), "MALLOC_ARENA_MAX": "1"}
"""glibc gives large blocks back to the kernel as they are freed, which clears them for the next tensor: a tenth of the
CPU seconds of a step. A training that keeps them ends with its process."""
_WAITING = 64
"""Workers that may wait for the imports at once."""


@contextmanager
def nursery(*, adapters: bool = False) -> Iterator[Path]:
    """The socket of a nursery, for as long as a study takes; its own end is the end of this process, however it comes.

    Workers may ask at once, and wait for the imports, which with `adapters` are those of peft, too: 2 CPU seconds.
    """
    folder = Path(tempfile.mkdtemp(prefix="raytrain-", dir=_short_folder()))  # nobody else's: mode 0700
    at = folder / _SOCKET
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(at))
        server.listen(_WAITING)
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "raytrain.trial.nursery",
                str(server.fileno()),
                str(os.getpid()),
                *(["peft"] if adapters else []),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[server.fileno()],
            env=os.environ | _NO_THREADS | KEPT_MEMORY,
            start_new_session=True,  # a Ctrl-C is for the study, which lets runs save
        )
    try:
        yield at
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _short_folder() -> str | None:
    """A socket's path has at most 107 bytes."""
    return None if len(os.fsencode(tempfile.gettempdir())) <= 60 else "/tmp"


def main() -> None:
    """Fork a training for whoever asks at the socket, until the study's process ends."""
    server, study = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    end_with_parent()
    if os.getppid() != study:  # it ended before it was asked to tell
        return
    _import(sys.argv[3:])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for forks
    while True:
        asked, _ = server.accept()
        if os.fork() == 0:
            server.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            serve(Connection(asked.detach()), _train)
        asked.close()


def _import(further: Sequence[str]) -> None:
    """All that a training imports, and nothing that starts a thread: those would be missing in a fork."""
    import transformers

    import raytrain.trial.training

    for name in ("WhisperConfig", "WhisperTokenizer", "WhisperForConditionalGeneration", "GenerationMixin"):
        getattr(transformers, name)
    assert raytrain.trial.training
    for name in further:
        importlib.import_module(name)


def _train(order: Order, report: Report) -> None:
    from raytrain.trial.training import train_here

    train_here(order.job, report=report, first=True, resume_from=order.resume_from)


if __name__ == "__main__":
    main()
