"""Runs the import of Jittor in a thread that lives as long as the process.

Jittor's compiler processes are killed when the thread that started them ends, and the program then
cannot end any more. In the main thread that is no matter; any other thread hands the work over.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def run_lasting(work: Callable[[], Value]) -> Value:
    """Return what `work` returns, or raise what it raises, from a thread that does not end."""
    if threading.current_thread() is threading.main_thread():
        return work()
    outcome: queue.Queue[tuple[Value | None, BaseException | None]] = queue.Queue()

    def run() -> None:
        try:
            outcome.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
            outcome.put((None, error))
        threading.Event().wait()

    threading.Thread(target=run, name="jittor-import", daemon=True).start()
    value, error = outcome.get()
    if error is not None:
        raise error
    return value  # type: ignore[return-value]
