"""Convolutions with every instruction set that this processor has: right, and never slow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crossmodal.kernels import library
from crossmodal.runtime.cpus import processor_flags

pytestmark = pytest.mark.skipif(not library.load(), reason="no kernels on this processor")
PROGRAM = Path(__file__).parent / "geometries.py"
# oneDNN's limit, its name, the block that belongs to it, the flag of the processors that have it
SETS = {"SSE41": ("SSE4.1", 8, "sse4_1"), "AVX": ("AVX", 8, "avx"), "AVX2": ("AVX2", 8, "avx2"),
        "AVX512_CORE": ("AVX-512", 16, "avx512dq")}
EXACT = 2e-5  # of the largest value
SLOWER = 3.0  # times Jittor's operator
SLACK = 2.0  # milliseconds that a call may take besides


@pytest.fixture(scope="module", params=SETS)
def found(request: pytest.FixtureRequest, repo_root: Path) -> list[dict[str, Any]]:
    """What geometries.py prints under one of the limits, the head first."""
    name, block, flag = SETS[request.param]
    if flag not in processor_flags():
        pytest.skip(f"this processor has no {name}")
    path = os.pathsep.join([str(repo_root), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, str(PROGRAM)], capture_output=True, text=True,
                          env={**os.environ, "DNNL_MAX_CPU_ISA": request.param,
                               "PYTHONPATH": path, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert (lines[0]["instructions"], lines[0]["block"]) == (name, block)
    assert len(lines) > 300
    return lines


def test_no_reference_code(found: list[dict[str, Any]]) -> None:
    """Fast code for nearly all; "none", which leaves it to Jittor, for kernels of 2048 channels."""
    codes = [code for ways in found[0]["asked"] for code in ways]
    assert len(codes) > 5000
    assert not {code for code in codes if "ref" in code}
    assert codes.count("none") <= len(codes) / 50


def test_as_in_double_precision(found: list[dict[str, Any]]) -> None:
    errors = [error for line in found[1:] for error in line["errors"] if error is not None]
    assert len(errors) > 1000
    wrong = [line for line in found[1:] if any(e is not None and not e <= EXACT
                                               for e in line["errors"])]
    assert not wrong, wrong[:3]


def test_not_slower_than_jittor(found: list[dict[str, Any]]) -> None:
    """Where there is enough to do for a clock to tell."""
    timed = [(ours, theirs, line["case"]) for line in found[1:] if line["jittor"]
             for ours, theirs in zip(line["ours"], line["jittor"]) if ours is not None]
    assert len(timed) > 30
    slow = [time for time in timed if time[0] > SLOWER * time[1] + SLACK]
    assert not slow, slow
