"""One training step of SC-IBSR, against the same network and losses in PyTorch.

ResNet-50 for both towers, random weights and inputs, float32, Adam. Both have processes of their
own, in turn, twice, and the least time counts. Skipped where torch is not installed; see
benchmarks/processes.py.
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.measure import Measurement
from benchmarks.processes import has_torch, run_program, torch_missing, torch_python

SIZES = {"batch": 4, "views": 4, "side": 112, "steps": 4}
ROUNDS = 2


def main(quick: bool = False) -> list[Measurement]:
    """Least seconds of a step in both; the first step, which compiles, does not count."""
    sizes = {**SIZES, "steps": 2} if quick else SIZES
    name = (f"training step, ResNet-50, {sizes['batch']} images + {sizes['batch']} x "
            f"{sizes['views']} views, {sizes['side']} px, against PyTorch")
    theirs_too = has_torch()
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    for _ in range(1 if quick else ROUNDS):
        ours.append(run_program(sys.executable, "jittor_step.py", sizes))
        if theirs_too:
            theirs.append(run_program(torch_python(), "torch_step.py", sizes))
    least = min(run["seconds"] for run in ours)
    facts = {"peak_mib": ours[0]["peak_mib"]}
    if not theirs:
        return [Measurement(name, least, facts={"pytorch": torch_missing(), **facts})]
    return [Measurement(name, least, min(run["seconds"] for run in theirs),
                        facts={**facts, "torch": theirs[0]["version"]})]
