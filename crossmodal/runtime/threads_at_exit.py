"""Lets a program end while threads of Jittor have not even started.

At exit Jittor wakes its compiler threads and waits for them; a thread that has not run yet on a
busy machine misses the call, and the program never ends. So the exit waits until all threads had
their turn.
"""

from __future__ import annotations

import atexit
import time
from pathlib import Path

_TASKS = Path("/proc/self/task")
_PATIENCE_SECONDS = 5.0


def guard_exit() -> None:
    """Wait for threads that are about to start before Jittor's own clean-up runs.

    Exit functions run in reverse order, so this must be called after Jittor is imported.
    """
    if _TASKS.is_dir():
        atexit.register(wait_for_threads)


def wait_for_threads(patience_seconds: float = _PATIENCE_SECONDS) -> bool:
    """Wait until every other thread of this process sleeps; False when that takes too long."""
    end = time.monotonic() + patience_seconds
    while any(running_threads()):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def running_threads() -> list[str]:
    """Identifiers of this process's other threads that run or wait for a processor."""
    own = Path("/proc/thread-self").resolve().name
    tasks = [task for task in _TASKS.iterdir() if task.name != own]
    return [task.name for task in tasks if _state(task) == "R"]


def _state(task: Path) -> str:
    """The letter of a thread's state, empty when it has just ended."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
