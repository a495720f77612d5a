"""How long something takes, and what a benchmark reports."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from typing import Any, Callable

LEAST_TIME = 2.0


@dataclass
class Measurement:
    """One line of the report.

    ratio : how many times faster than the form it is compared with; None where there is none
    least : the ratio it must reach; None: no promise
    facts : more numbers, and why something was skipped
    """

    name: str
    ours: float | None = None  # seconds
    theirs: float | None = None  # seconds
    least: float | None = None
    skipped: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return self.theirs / self.ours if self.ours and self.theirs else None

    @property
    def kept(self) -> bool:
        """Was the promise kept (or none made, or nothing measured)?"""
        return self.ratio is None or self.least is None or self.ratio >= self.least


def seconds(action: Callable[[], Any], repeats: int = 3, warm_up: int = 1) -> float:
    """Least seconds of `action` in at least `repeats` calls and LEAST_TIME seconds.

    The least, because other programs on the machine can only add to it; for long enough to meet a
    quiet moment. `warm_up` calls before do not count.
    """
    for _ in range(warm_up):
        action()
    gc.collect()
    times: list[float] = []
    while len(times) < repeats or sum(times) < LEAST_TIME:
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)
