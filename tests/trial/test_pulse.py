"""The watchdog over a worker: what shows no sign of life is ended with a word, and all else is as without it."""

import threading
import time

import pytest

from raytrain.trial.pulse import Pulse, Stalled, watched


def test_work_that_hangs_is_ended_with_what_was_last_seen_of_it() -> None:
    pulse = Pulse()

    def hang() -> None:
        pulse.beat("training", 320, 4000)
        threading.Event().wait(30)

    with pytest.raises(Stalled, match="it was training at 320 of 4,000 utterances"):
        watched(hang, pulse, quiet_s=0.3)


def test_work_that_is_slow_as_it_always_was_goes_on() -> None:
    pulse = Pulse()

    def slow() -> str:
        time.sleep(0.2)
        pulse.beat("training", 1, 2)
        time.sleep(1.2)
        return "done"

    assert watched(slow, pulse, quiet_s=0.3) == "done"


def test_what_the_work_raises_is_raised() -> None:
    def fail() -> None:
        raise ZeroDivisionError("in the work")

    with pytest.raises(ZeroDivisionError, match="in the work"):
        watched(fail, Pulse())
