"""Reading that takes too long is stopped, also where its reader catches errors and goes on."""

from __future__ import annotations

import contextlib
import signal
import threading
import time

import pytest

from crossmodal.runtime import time_limit as module
from crossmodal.runtime.time_limit import TooSlow, time_limit

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")


def spin() -> None:
    while True:
        sum(range(1000))


def test_endless_reading_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.1)
    before = signal.getsignal(signal.SIGPROF)
    with pytest.raises(TooSlow, match="more than 0 s of processor time"), time_limit(0):
        while True:
            with contextlib.suppress(ValueError):  # a reader that tries another way
                spin()
            spin()
    assert signal.getsignal(signal.SIGPROF) is before
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)


@pytest.mark.parametrize("after", ["another error", "a result"])
def test_a_reader_that_takes_ours_for_one_of_its_own(monkeypatch: pytest.MonkeyPatch,
                                                     after: str) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.1)
    with pytest.raises(TooSlow), time_limit(0):
        try:
            spin()
        except ValueError as error:
            if after == "another error":
                raise KeyError("no number in line 1") from error


def test_a_large_file_has_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with time_limit(module.FREE + 20 * 2**20):
        assert 17 < signal.getitimer(signal.ITIMER_PROF)[0] <= 18.01
        with time_limit(0):  # a texture of that model
            assert signal.getitimer(signal.ITIMER_PROF)[0] > 17
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)


def test_waiting_takes_no_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.2)
    with time_limit(0):
        time.sleep(0.3)


def test_other_threads_are_left_alone() -> None:
    found = []

    def work() -> None:
        with time_limit(0):
            found.append(signal.getitimer(signal.ITIMER_PROF)[0])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [0]
