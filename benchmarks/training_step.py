"""One training step of SC-IBSR, against the same network and losses in PyTorch.

ResNet-50 for both towers, random weights and inputs, float32, Adam. PyTorch and Jittor cannot share
a process, so each has its own; PyTorch's is the interpreter named in BENCH_TORCH_PYTHON, or this
one. Skipped where torch is not installed there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.measure import Measurement

VARIABLE = "BENCH_TORCH_PYTHON"
FOLDER = Path(__file__).resolve().parent
SIZES = {"batch": 4, "views": 4, "side": 112, "steps": 4}


def main(quick: bool = False) -> list[Measurement]:
    """Least seconds of a step in both; the first step, which compiles, does not count."""
    sizes = {**SIZES, "steps": 2} if quick else SIZES
    name = (f"training step, ResNet-50, {sizes['batch']} images + {sizes['batch']} x "
            f"{sizes['views']} views, {sizes['side']} px, against PyTorch")
    torch_python = os.environ.get(VARIABLE, sys.executable)
    ours = _run(sys.executable, "jittor_step.py", sizes)
    if not _has_torch(torch_python):
        return [Measurement(name, ours["seconds"], facts={
            "pytorch": f"skipped: no torch in {torch_python}; name a Python that has it in "
                       f"{VARIABLE}", "peak_mib": ours["peak_mib"]})]
    theirs = _run(torch_python, "torch_step.py", sizes)
    return [Measurement(name, ours["seconds"], theirs["seconds"], facts={
        "peak_mib": ours["peak_mib"], "torch": theirs["version"]})]


def _has_torch(python: str) -> bool:
    try:
        return subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0
    except OSError:
        return False


def _run(python: str, program: str, sizes: dict[str, int]) -> dict[str, Any]:
    """What the program prints on its last line."""
    command = [python, str(FOLDER / program), json.dumps(sizes)]
    root = os.pathsep.join([str(FOLDER.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONPATH": root})
    if done.returncode:
        raise RuntimeError(f"{program} failed with exit code {done.returncode}: see above")
    return json.loads(done.stdout.splitlines()[-1])
