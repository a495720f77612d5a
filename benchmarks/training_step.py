"""One training step of SC-IBSR, against the same network and losses in PyTorch.

ResNet-50 for both towers, random weights and inputs, float32, Adam. Both have processes of their
own, in turn, twice, and the least time counts. Skipped where torch is not installed; see
benchmarks/processes.py.
"""

from __future__ import annotations

from benchmarks.measure import Measurement
from benchmarks.processes import run_in_turn, torch_missing

SIZES = {"batch": 4, "views": 4, "side": 112, "steps": 4}
ROUNDS = 2


def main(quick: bool = False) -> list[Measurement]:
    """Least seconds of a step in both; the first step, which compiles, does not count."""
    sizes = {**SIZES, "steps": 2} if quick else SIZES
    name = (f"training step, ResNet-50, {sizes['batch']} images + {sizes['batch']} x "
            f"{sizes['views']} views, {sizes['side']} px, against PyTorch")
    ours, theirs = run_in_turn("jittor_step.py", "torch_step.py", sizes, 1 if quick else ROUNDS)
    least = min(run["seconds"] for run in ours)
    facts = {"peak_mib": ours[0]["peak_mib"]}
    if not theirs:
        return [Measurement(name, least, facts={"pytorch": torch_missing(), **facts})]
    return [Measurement(name, least, min(run["seconds"] for run in theirs),
                        facts={**facts, "torch": theirs[0]["version"]})]
