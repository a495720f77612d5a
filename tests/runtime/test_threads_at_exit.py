"""The exit waits for threads that have not had their turn, and not for ever."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from crossmodal.runtime import threads_at_exit

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_nothing_to_wait_for() -> None:
    assert threads_at_exit.wait_for_threads(patience_seconds=20)


def test_a_busy_thread_is_waited_for() -> None:
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            sum(range(1000))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        seen = any(threads_at_exit.running_threads() for _ in range(200))
        assert seen
        start = time.monotonic()
        threads_at_exit.wait_for_threads(patience_seconds=0.2)
        assert time.monotonic() - start < 10
    finally:
        stop.set()
        thread.join()
    assert threads_at_exit.wait_for_threads(patience_seconds=20)


def test_programs_end_on_a_busy_machine(run, built: None) -> None:
    """Short programs that compile, several at once: each ends."""
    from concurrent.futures import ThreadPoolExecutor

    code = "from crossmodal.runtime import jt; print(jt.ones(3).sum().item())"
    with ThreadPoolExecutor(6) as pool:
        ended = list(pool.map(lambda _: run(code), range(12)))
    assert [program.stdout.strip() for program in ended] == ["3.0"] * 12
