"""Learning rates as plain functions of the step: nothing to save, nothing to restore."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Callable

Schedule = Callable[[int], float]


def make_schedule(name: str, total_steps: int, warmup: int = 0,
                  milestones: Sequence[int] = ()) -> Schedule:
    """A factor in [0, 1] for the rate, by step.

    Parameters
    ----------
    name : "constant", "cosine" (to zero at ``total_steps``) or "step" (a tenth at each milestone)
    total_steps : steps of the whole training
    warmup : first steps, over which the factor rises linearly
    milestones : steps at which "step" divides by ten

    Raises ValueError for an unknown name.
    """
    if name not in ("constant", "cosine", "step"):
        raise ValueError(f"unknown schedule {name!r}: choose constant, cosine or step")

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        if name == "constant":
            return 1.0
        if name == "step":
            return 0.1 ** sum(step >= milestone for milestone in milestones)
        done = (step - warmup) / max(total_steps - warmup, 1)
        return 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))

    return factor
