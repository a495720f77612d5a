"""Learning rates as plain functions of the step: nothing to save, nothing to restore."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Callable

Schedule = Callable[[int], float]
NAMES = ("constant", "cosine", "step", )


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
    if name not in NAMES:
        raise ValueError(f"unknown schedule {name!r}: choose {', '.join(NAMES)}")

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


def inverse_decay(step: int, gamma: float = 0.001, power: float = 0.75) -> float:
    """``(1 + gamma step)^-power``: 1 at step 0, without an end (Caffe's "inv" policy)."""
    return (1.0 + gamma * step) ** -power


def ramp(step: int, low: float = 0.0, high: float = 1.0, alpha: float = 10.0,
         max_steps: int = 10000) -> float:
    """``low + (high - low) (2 / (1 + exp(-alpha step / max_steps)) - 1)``: from low towards high.

    With the defaults, the coefficient of gradient reversal (Ganin et al., JMLR 2016): half of
    the way is gone after 11 % of ``max_steps``, 99.99 % at its end, and it never turns.
    """
    return low + (high - low) * (2.0 / (1.0 + math.exp(-alpha * step / max_steps)) - 1.0)
