"""Programs of a benchmark that need a process of their own: Jittor and PyTorch cannot share one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

VARIABLE = "BENCH_TORCH_PYTHON"
FOLDER = Path(__file__).resolve().parent


def torch_python() -> str:
    """The interpreter that has PyTorch: named in BENCH_TORCH_PYTHON, or this one."""
    return os.environ.get(VARIABLE, sys.executable)


def has_torch() -> bool:
    """Whether PyTorch can be imported there."""
    try:
        return subprocess.run([torch_python(), "-c", "import torch"],
                              capture_output=True).returncode == 0
    except OSError:
        return False


def torch_missing() -> str:
    """What a report says where PyTorch is not there."""
    return f"skipped: no torch in {torch_python()}; name a Python that has it in {VARIABLE}"


def run_in_turn(ours: str, theirs: str, sizes: dict[str, Any],
                rounds: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What a program here and one in PyTorch print, one after the other, so many times.

    Nothing of PyTorch's where it is missing. Raises RuntimeError where one fails.
    """
    theirs_too = has_torch()
    found: tuple[list[dict[str, Any]], list[dict[str, Any]]] = [], []
    for _ in range(rounds):
        found[0].append(run_program(sys.executable, ours, sizes))
        if theirs_too:
            found[1].append(run_program(torch_python(), theirs, sizes))
    return found


def run_program(python: str, program: str, sizes: dict[str, Any]) -> dict[str, Any]:
    """What a program of this folder, called with json, prints on its last line.

    Raises RuntimeError where it fails.
    """
    command = [python, str(FOLDER / program), json.dumps(sizes)]
    root = os.pathsep.join([str(FOLDER.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONPATH": root})
    if done.returncode:
        raise RuntimeError(f"{program} failed with exit code {done.returncode}: see above")
    return json.loads(done.stdout.splitlines()[-1])
