"""An event file, and what the TensorBoard that a printed command starts shows of such."""

import json
import re
import shlex
import subprocess
import sys
import time
import urllib.request
from pathlib import Path


def write_curve(folder: Path) -> None:
    """An event file with one point."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder))
    point = Summary(value=[Summary.Value(tag="eval/wer", simple_value=0.2)])
    writer.add_event(Event(wall_time=1.0, step=500, summary=point))
    writer.close()


def runs_shown(command: str, project: Path, *, patience_s: float = 40) -> list[str]:
    """Start the command in the project, at a free port; the runs it serves once it has read its folders."""
    program, *arguments = shlex.split(command)
    with subprocess.Popen(
        [Path(sys.executable).with_name(program), *arguments, "--port", "0"],
        cwd=project,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stderr is not None
            told = next(line for line in server.stderr if "http://" in line)
            url = re.search(r"http://localhost:\d+/", told)
            assert url is not None
            return _first_runs(f"{url.group()}data/runs", until=time.monotonic() + patience_s)
        finally:
            server.terminate()


def _first_runs(url: str, *, until: float) -> list[str]:
    while time.monotonic() < until:
        with urllib.request.urlopen(url) as answer:
            if found := json.load(answer):
                return sorted(found)
        time.sleep(0.2)
    return []
