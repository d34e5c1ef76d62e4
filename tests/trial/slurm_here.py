"""The Slurm script on two nodes that are this machine: arguments in; how it ended, and what it left, as JSON, out.

A node here has a name, a network, processes and a folder for Ray of its own, as namespaces of the kernel's. `srun` and
`scontrol` do what the script asks of Slurm's; the script runs on the first node, as a batch script does. To be started
as the first process of new namespaces (`alone`).

With `warned` Slurm's warning that the time is nearly over comes once a trial trains.
"""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from real_doors import training_in

SCRIPT = Path(__file__).parents[2] / "raytrain" / "trial" / "clusters" / "slurm.sh"
_NODES = {"node1": "10.77.0.1", "node2": "10.77.0.2"}
_JOB = 4711
_OF_THE_JOB = Path(f"/tmp/ray-{_JOB}")
_SRUN = """#!{python}
import json, os, socket, sys
asked = sys.argv[1:]
while asked[0].startswith("--"):
    asked.pop(0)
with socket.socket(socket.AF_UNIX) as slurm:
    slurm.connect({at!r})
    slurm.sendall(json.dumps([asked, dict(os.environ), os.getcwd()]).encode() + b"\\n")
    sys.exit(int(slurm.makefile().readline()))
"""
_SCONTROL = f"#!/bin/sh\n[ \"$*\" = 'show hostnames node[1-2]' ] && printf '%s\\n' {' '.join(_NODES)}\n"


def alone(*arguments: str) -> list[str]:
    """The command that runs this page in namespaces of its own, which end with it."""
    own = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    unshare = ["unshare", *own, "--net", "--mount", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child"]
    return [*unshare, sys.executable, __file__, *arguments]


def main(folder: Path, warned: bool, arguments: list[str]) -> None:
    nodes = _Nodes(folder)
    nodes.serve(folder / "slurm")
    began_s = time.monotonic()
    with (folder / "said").open("wb") as said:
        nodes.said = said
        command = ["bash", str(SCRIPT), *arguments]
        script = nodes.start("node1", command, environment=_environment(folder), cwd=str(folder))
        if warned:
            _until_it_trains(folder / "runs", script)
            (batch,) = psutil.Process(script.pid).children()
            batch.send_signal(signal.SIGTERM)
        status = script.wait()
    told = {
        "status": status,
        "seconds": round(time.monotonic() - began_s, 1),
        "said": (folder / "said").read_text(),
        "left": nodes.left(),
        "files": nodes.files(Path(_environment(folder)["TMPDIR"])),
    }
    _OF_THE_JOB.rmdir()
    print(json.dumps(told))


def _environment(folder: Path) -> dict[str, str]:
    long = folder / ("a-job-s-own-temporary-folder-" * 4)
    long.mkdir(exist_ok=True)
    return os.environ | {
        "PATH": os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "SLURM_JOB_ID": str(_JOB), "SLURM_JOB_NODELIST": "node[1-2]", "SLURM_JOB_NUM_NODES": "2",
        "SLURM_CPUS_PER_TASK": "1", "TMPDIR": str(long),
    }  # fmt: skip


class _Nodes:
    """Two, each with a process that keeps its namespaces."""

    def __init__(self, folder: Path) -> None:
        self.said: Any = None
        self._kept: dict[str, int] = {}
        hosts = folder / "hosts"
        hosts.write_text("".join(f"{at} {name}\n" for name, at in [("localhost", "127.0.0.1"), *_NODES.items()]))
        _run("mount", "--bind", str(hosts), "/etc/hosts")
        _OF_THE_JOB.mkdir(exist_ok=True)
        for name in _NODES:
            keeper = subprocess.Popen(
                ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child",
                 "sh", "-c", f"hostname {name} && mount -t tmpfs {name} {_OF_THE_JOB} && exec sleep infinity"],
            )  # fmt: skip
            self._kept[name] = _child_named("sleep", of=keeper.pid)
        first, second = self._kept.values()
        _run(
            "ip", "link", "add", "one", "netns", str(first), "type", "veth", "peer", "name", "one", "netns", str(second)
        )
        for name, at in _NODES.items():
            for words in (f"addr add {at}/24 dev one", "link set one up", "link set lo up"):
                _run("nsenter", "--target", str(self._kept[name]), "--net", "ip", *words.split())

    def start(self, name: str, command: list[str], *, environment: dict[str, str], cwd: str) -> subprocess.Popen[bytes]:
        inside = ["nsenter", "--target", str(self._kept[name]), "--net", "--mount", "--uts", "--pid", f"--wdns={cwd}"]
        return subprocess.Popen([*inside, *command], env=environment, stdout=self.said, stderr=subprocess.STDOUT)

    def serve(self, bin_of: Path) -> None:
        """Put Slurm's two commands into a folder, and do what they ask."""
        at = bin_of.with_name("slurm.socket")
        tools = bin_of.with_name("bin")
        tools.mkdir()
        for name, text in {"srun": _SRUN.format(python=sys.executable, at=str(at)), "scontrol": _SCONTROL}.items():
            (tools / name).write_text(text)
            (tools / name).chmod((tools / name).stat().st_mode | stat.S_IXUSR)
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(at))
        server.listen()
        threading.Thread(target=self._answer, args=(server,), daemon=True).start()

    def left(self) -> list[str]:
        """The processes that run on the nodes still; Ray takes up to half a minute to go."""
        ends_s = time.monotonic() + 60
        while True:
            mine = {os.getpid(), *self._kept.values()}
            found = [one.info for one in psutil.process_iter(["pid", "name", "cmdline", "status"])]
            found = [
                one for one in found
                if one["pid"] not in mine and one["name"] != "unshare" and one["status"] != psutil.STATUS_ZOMBIE
            ]  # fmt: skip
            if not found or time.monotonic() > ends_s:
                return [" ".join(one["cmdline"] or [one["name"]]) for one in found]
            time.sleep(0.5)

    def files(self, temporary: Path) -> list[str]:
        """What raytrain's and Ray's folders hold; what torch and W&B leave in a job's own is the scheduler's."""
        on_nodes = [Path(f"/proc/{kept}/root{_OF_THE_JOB}") for kept in self._kept.values()]
        fetched = [str(path) for path in temporary.glob("raytrain-*")]
        return fetched + [str(path) for folder in on_nodes for path in folder.iterdir()]

    def _answer(self, server: socket.socket) -> None:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=self._step, args=(connection,), daemon=True).start()

    def _step(self, connection: socket.socket) -> None:
        """A job's step: the command once on each node, and the worst of their statuses. It ends with its srun."""
        with connection, connection.makefile() as reading:
            command, environment, cwd = json.loads(reading.readline())
            tasks = [
                self.start(name, command, environment=environment | {"SLURM_NODEID": str(number)}, cwd=cwd)
                for number, name in enumerate(_NODES)
            ]
            threading.Thread(target=_end_with, args=(connection, tasks), daemon=True).start()
            with suppress(OSError):
                connection.sendall(f"{max(task.wait() for task in tasks)}\n".encode())


def _end_with(connection: socket.socket, tasks: "list[subprocess.Popen[bytes]]") -> None:
    """Once srun is gone, send TERM to all that a step has started; what stays is for the test to see."""
    with suppress(OSError):
        connection.recv(1)
    for task in tasks:
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(task.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    process.terminate()


def _until_it_trains(runs: Path, script: "subprocess.Popen[bytes]") -> None:
    while script.poll() is None and training_in(runs, examples_seen=1) is None:
        time.sleep(0.2)


def _child_named(name: str, *, of: int) -> int:
    while True:
        with suppress(psutil.Error):
            for child in psutil.Process(of).children(recursive=True):
                if child.name() == name:
                    return child.pid
        time.sleep(0.05)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    assert shutil.which("ip"), "iproute2 is not installed"
    main(Path(sys.argv[1]), sys.argv[2] == "warned", sys.argv[3:])
