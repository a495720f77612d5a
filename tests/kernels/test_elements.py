"""Passes over all elements: the step of Adam, and the sum of two users' gradients."""

from __future__ import annotations

import numpy as np
import pytest

from crossmodal.kernels import library
from crossmodal.kernels.elements import fork
from crossmodal.runtime import jt
from crossmodal.training.optimiser import Group, Optimiser

pytestmark = pytest.mark.skipif(not library.load(), reason="no kernels on this processor")


@pytest.mark.parametrize("rule", ["adam", "adamw"])
def test_adam(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps by the kernel and by Jittor's operators, with weight decay."""
    start = np.random.default_rng(0).standard_normal((7, 33), dtype=np.float32)
    found = []
    for kernels in (True, False):
        if not kernels:
            monkeypatch.setattr(library, "load", lambda: False)
        value = jt.array(start)
        optimiser = Optimiser([Group("all", {"value": value})], rule, (0.5, 0.999), 0.1)
        for _ in range(3):
            optimiser.step((value * value * value).sum(), 0.01)
        found.append([value.numpy(), *optimiser.state().values()])
    for own, plain in zip(*found):
        assert np.allclose(own, plain, rtol=1e-5, atol=1e-6)


def test_gradients_of_both_users_are_added() -> None:
    x = jt.array(np.arange(6, dtype=np.float32))
    one, two = fork(x)
    assert np.array_equal(one.numpy(), x.numpy()) and np.array_equal(two.numpy(), x.numpy())
    assert np.array_equal(jt.grad((2 * one + one * two).sum(), [x])[0].numpy(), 2 + 2 * x.numpy())
    one, two = fork(x)
    assert np.array_equal(jt.grad((3 * two).sum(), [x])[0].numpy(), np.full(6, 3.0))
