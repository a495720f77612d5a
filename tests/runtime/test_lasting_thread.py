"""Work handed to a thread that outlives the one that asked."""

from __future__ import annotations

import threading

import pytest

from crossmodal.runtime.lasting_thread import run_lasting


def in_a_thread(work) -> list:
    """What run_lasting returned or raised in a thread that then ended."""
    results: list = []

    def ask() -> None:
        try:
            results.append(run_lasting(work))
        except ValueError as error:
            results.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(20)
    return results


def test_the_main_thread_works_itself() -> None:
    assert run_lasting(threading.current_thread) is threading.main_thread()


def test_another_thread_hands_over_to_one_that_stays() -> None:
    (worker,) = in_a_thread(threading.current_thread)
    assert worker.name == "jittor-import"
    assert worker.is_alive()
    assert worker.daemon


def test_errors_come_back() -> None:
    def fail() -> None:
        raise ValueError("no")

    (error,) = in_a_thread(fail)
    assert isinstance(error, ValueError)
    with pytest.raises(ValueError, match="no"):
        run_lasting(fail)
