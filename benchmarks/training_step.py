"""One training step of SC-IBSR, against the same network and losses in PyTorch.

ResNet-50 for both towers, random weights and inputs, float32, Adam. Skipped where torch is not
installed; see benchmarks/processes.py.
"""

from __future__ import annotations

import sys

from benchmarks.measure import Measurement
from benchmarks.processes import has_torch, run_program, torch_missing, torch_python

SIZES = {"batch": 4, "views": 4, "side": 112, "steps": 4}


def main(quick: bool = False) -> list[Measurement]:
    """Least seconds of a step in both; the first step, which compiles, does not count."""
    sizes = {**SIZES, "steps": 2} if quick else SIZES
    name = (f"training step, ResNet-50, {sizes['batch']} images + {sizes['batch']} x "
            f"{sizes['views']} views, {sizes['side']} px, against PyTorch")
    ours = run_program(sys.executable, "jittor_step.py", sizes)
    facts = {"peak_mib": ours["peak_mib"]}
    if not has_torch():
        return [Measurement(name, ours["seconds"], facts={"pytorch": torch_missing(), **facts})]
    theirs = run_program(torch_python(), "torch_step.py", sizes)
    return [Measurement(name, ours["seconds"], theirs["seconds"],
                        facts={**facts, "torch": theirs["version"]})]
