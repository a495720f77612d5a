"""Inverse decay and ramp: written out, and equal to easydl's functions.

easydl cannot be imported on Python 3.10 or later and needs PyTorch; the one file that holds the two
functions needs neither, so it is loaded alone.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import pytest

from crossmodal.training.schedule import inverse_decay, ramp

STEPS = [*range(0, 200, 7), *range(200, 10001, 350), 10000]


@pytest.fixture(scope="module")
def easydl() -> ModuleType:
    """easydl's ``common/scheduler.py``, without the package around it."""
    package = importlib.util.find_spec("easydl")
    if package is None:
        pytest.skip("easydl is not installed: pip install --no-deps -r requirements-easydl.txt")
    path = Path(next(iter(package.submodule_search_locations))) / "common" / "scheduler.py"
    spec = importlib.util.spec_from_file_location("easydl_scheduler", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("gamma, power", [(0.001, 0.75), (0.01, 0.5), (0.0003, 2.0)])
def test_inverse_decay_is_easydls(easydl: ModuleType, gamma: float, power: float) -> None:
    """Theirs counts in parts of ``max_iter`` and stands still after it; ours goes on."""
    for step in STEPS:
        theirs = easydl.inverseDecaySheduler(step, 1.0, gamma=gamma * 10000, power=power,
                                             max_iter=10000)
        assert inverse_decay(step, gamma, power) == pytest.approx(theirs, rel=1e-12, abs=0), step
    assert inverse_decay(20000, gamma, power) < inverse_decay(10000, gamma, power)


@pytest.mark.parametrize("low, high, alpha, most", [(0, 1, 10, 10000), (1, 3, 10, 1500),
                                                    (2.0, -1.0, 3.0, 777)])
def test_ramp_is_easydls(easydl: ModuleType, low: float, high: float, alpha: float,
                         most: int) -> None:
    for step in STEPS:
        theirs = easydl.aToBSheduler(step, low, high, gamma=alpha, max_iter=most)
        assert ramp(step, low, high, alpha, most) == pytest.approx(theirs, rel=0, abs=1e-12), step


def test_inverse_decay_written_out() -> None:
    assert [inverse_decay(s) for s in (0, 1000, 15000)] == pytest.approx([1, 2**-0.75, 1 / 8])
    assert inverse_decay(3, gamma=1.0, power=0.5) == pytest.approx(0.5)


def test_ramp_written_out() -> None:
    assert ramp(0) == 0.0
    assert ramp(1000) == pytest.approx(math.tanh(0.5))
    assert ramp(10000) == pytest.approx(0.9999, abs=1e-5) and ramp(10**6) == 1.0
    assert ramp(0, 2, 5) == 2.0 and ramp(10**6, 2, 5) == 5.0
