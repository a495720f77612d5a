"""The exit waits for threads that have not had their turn, and not for ever."""

from __future__ import annotations

import sys
import threading

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
        assert any(threads_at_exit.running_threads() for _ in range(200))
        assert not threads_at_exit.wait_for_threads(patience_seconds=0.0)
    finally:
        stop.set()
        thread.join()
    assert threads_at_exit.wait_for_threads(patience_seconds=20)


def test_it_waits_until_the_last_thread_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three looks find a thread that runs, the fourth finds none."""
    looks = [["7"], ["7"], ["8"], []]
    monkeypatch.setattr(threads_at_exit, "running_threads", lambda: looks.pop(0))
    assert threads_at_exit.wait_for_threads(patience_seconds=20) and not looks
    looks[:] = [["7"]] * 1000
    assert not threads_at_exit.wait_for_threads(patience_seconds=0.05)
    assert 900 < len(looks) < 1000


def test_programs_end_on_a_busy_machine(run, built: None) -> None:
    """Short programs that compile, several at once: each ends."""
    from concurrent.futures import ThreadPoolExecutor

    code = "from crossmodal.runtime import jt; print(jt.ones(3).sum().item())"
    with ThreadPoolExecutor(6) as pool:
        ended = list(pool.map(lambda _: run(code), range(12)))
    assert [program.stdout.strip() for program in ended] == ["3.0"] * 12
