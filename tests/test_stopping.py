"""Signals sent to real processes of ours, which hold no Ray: how they end, what they say last, and within what time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

Process = subprocess.Popen[str]
Started = Callable[..., Process]
HEAD = """
import signal, subprocess, sys, time
from raytrain import stopping
from raytrain.cli import run_door
from raytrain.terminal import say
from raytrain.stopping import going_on_by, kept_from_others, patiently
def work():
    with going_on_by("go on"):
"""


@pytest.fixture
def started() -> Iterator[Started]:
    """Starts a door that does this work; it says `ready` on stdout when a signal may come."""
    processes: list[Process] = []

    def start(*lines: str, **options: object) -> Process:
        body = "".join(f"        {line}\n" for line in lines)
        command = [sys.executable, "-c", f"{HEAD}{body}run_door(work)"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            **{"preexec_fn": _hears_the_terminal} | options,
        )  # type: ignore[call-overload]  # fmt: skip
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=20)


def _hears_the_terminal() -> None:
    """Also where the tests themselves are run under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


READY = "print('ready', flush=True)"
WAIT = "time.sleep(60)"
LAST_WORDS = "interrupted; to go on:\ngo on\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_ends_a_door_with_130_and_the_command_to_go_on(number: int, started: Started) -> None:
    process = started(READY, WAIT)
    process.send_signal(number)
    assert (process.communicate(timeout=20)[1], process.returncode) == (LAST_WORDS, 130)


def test_a_first_ctrl_c_is_heeded_in_time_and_a_second_at_once(started: Started) -> None:
    process = started(
        "with patiently() as asked:",
        f"    {READY}",
        "    asked.wait(); say('saving')",
        f"    {WAIT}",
    )
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert process.stderr.readline() == "saving\n"
    process.send_signal(signal.SIGINT)
    assert (process.communicate(timeout=20)[1], process.returncode) == (LAST_WORDS, 130)


def test_sighup_right_after_sigterm_is_no_second_request(started: Started) -> None:
    process = started("with patiently() as asked:", f"    {READY}", "    asked.wait(); time.sleep(1); say('saved')")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGHUP)
    assert (process.communicate(timeout=20)[1], process.returncode) == ("saved\n", 0)


def test_what_hangs_after_sigterm_is_left_in_time_with_the_last_words(started: Started) -> None:
    process = started("stopping._GONE_WITHIN_S = 0.5", "with patiently():", f"    {READY}", f"    {WAIT}")
    process.send_signal(signal.SIGTERM)
    assert (process.communicate(timeout=20)[1], process.returncode) == (LAST_WORDS, 130)


def test_a_signal_while_a_library_puts_its_own_handler_over_ours_is_not_lost(started: Started) -> None:
    """As ray.init does."""
    process = started(
        "with kept_from_others():",
        "    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))",
        f"    {READY}",
        "    for _ in range(600): time.sleep(0.1)",
    )
    process.send_signal(signal.SIGTERM)
    assert (process.communicate(timeout=20)[1], process.returncode) == (LAST_WORDS, 130)


def test_a_librarys_handler_does_not_outlast_its_start(started: Started) -> None:
    process = started(
        "with kept_from_others():",
        "    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))",
        READY,
        WAIT,
    )
    process.send_signal(signal.SIGTERM)
    assert (process.communicate(timeout=20)[1], process.returncode) == (LAST_WORDS, 130)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_is_sent_to_all_processes_of_a_job_reaches_only_the_one_that_can_stop(
    number: int, started: Started
) -> None:
    process = started(
        "with kept_from_others():",
        "    child = subprocess.Popen(['sleep', '60'])",
        "with patiently() as asked:",
        f"    {READY}",
        "    asked.wait(); time.sleep(0.5); say(f'child: {child.poll()}'); child.kill()",
    )
    os.killpg(process.pid, number)
    assert (process.communicate(timeout=20)[1], process.returncode) == ("child: None\n", 0)


def test_a_door_under_nohup_outlives_its_terminal(started: Started) -> None:
    process = started(
        READY, "time.sleep(1); say('done')", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    process.send_signal(signal.SIGHUP)
    assert (process.communicate(timeout=20)[1], process.returncode) == ("done\n", 0)


def test_words_that_nobody_reads_any_more_stop_no_work(started: Started) -> None:
    process = started(READY, "time.sleep(0.5); say('one'); say('two'); print('done', flush=True)")
    assert process.stderr is not None
    process.stderr.close()
    assert process.stdout is not None
    assert process.stdout.read() == "done\n"
    assert process.wait(timeout=20) == 0


def test_a_signal_ends_a_door_whose_stderr_is_gone_without_a_traceback(started: Started) -> None:
    process = started(READY, WAIT)
    assert process.stderr is not None
    process.stderr.close()
    began_s = time.monotonic()
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=20) == 130
    assert time.monotonic() - began_s < 10
