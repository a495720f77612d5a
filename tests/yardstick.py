"""Time measured in units of a fixed piece of work: a slow machine takes part in both sides."""

import time
from collections.abc import Callable

import numpy as np

ROUNDS = 3


def relative_time(work: Callable[[], object]) -> float:
    """Least processor time of `work`, over that of sorting a million numbers (0.1 to 0.3 s)."""
    numbers = np.random.default_rng(0).random(1_000_000)
    found = [(_seconds(work), _seconds(lambda: np.sort(numbers, kind="heapsort")))
             for _ in range(ROUNDS)]
    return min(own for own, _ in found) / min(sort for _, sort in found)


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
