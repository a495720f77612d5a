"""How long something takes, and what a benchmark reports."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from typing import Any, Callable


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


def seconds(action: Callable[[], Any], repeats: int = 5, warm_up: int = 1) -> float:
    """Least seconds of `action`, after `warm_up` calls that do not count.

    The least, because other programs on the machine can only add to it.
    """
    for _ in range(warm_up):
        action()
    times = []
    gc.collect()
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)
