"""What tests of both training scripts need: waiting for a process, comparing two runs."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Callable

from crossmodal import checkpoint


def wait(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    """Until something is so; the process must still be at work then."""
    end = time.monotonic() + 600
    while not ready():
        assert process.poll() is None, f"ended with {process.returncode}"
        assert time.monotonic() < end
        time.sleep(0.002)


def assert_same_checkpoint(one: Path, two: Path, which: str = "last") -> None:
    """Weights and moments of two runs' folders agree to the last bit."""
    first, second = (checkpoint.load(folder, which) for folder in (one, two))
    for group in ("model", "optimizer"):
        found, expected = getattr(first, group), getattr(second, group)
        assert found.keys() == expected.keys()
        different = [n for n in expected if found[n].tobytes() != expected[n].tobytes()]
        assert not different, (which, len(different), different[:3])


def assert_same_progress(one: Path, two: Path, which: str = "last") -> None:
    """Counters and validations agree; the time taken need not."""
    first, second = (checkpoint.load(f, which).state["progress"] for f in (one, two))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}
