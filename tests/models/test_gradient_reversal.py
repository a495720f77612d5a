"""Gradient reversal: the same bits forward, the opposite sign backward."""

from __future__ import annotations

import numpy as np
import pytest
from golden.golden_arrays import assert_near, evaluate

from crossmodal.models.gradient_reversal import reverse_gradient
from crossmodal.runtime import jt

VALUES = np.float32([[1.0, -2.5, 3e-30], [1e30, 0.1, -1e-7]])


@pytest.mark.parametrize("coefficient", [0.0, 0.1, 1.0, 123.4])
def test_forward_changes_no_bit(coefficient: float) -> None:
    found = reverse_gradient(jt.array(VALUES) * 1.0, coefficient).numpy()
    assert found.tobytes() == VALUES.tobytes()


@pytest.mark.parametrize("coefficient", [0.0, 0.3, 1.0, -1.0])
def test_backward(coefficient: float) -> None:
    x = {"x": np.random.default_rng(0).normal(size=(2, 3))}
    _, plain = evaluate(lambda x: x * x * x, x, {})
    _, turned = evaluate(lambda x: (lambda y: y * y * y)(reverse_gradient(x, coefficient)), x, {})
    assert_near(turned["x"], -coefficient * plain["x"], 1e-6)


def test_only_that_path_is_turned() -> None:
    """``5 x`` beside ``x^2`` behind a reversal by one half."""
    x = np.float32([1.0, -2.0])
    _, found = evaluate(lambda x: (5 * x + reverse_gradient(x, 0.5) ** 2).sum(), {"x": x}, {})
    assert_near(found["x"], 5 - x, 1e-6)


def test_what_comes_after_it_learns_as_ever() -> None:
    inputs = {"x": np.float32([[1.0, 2.0]]), "weight": np.float32([[3.0], [4.0]])}
    _, found = evaluate(lambda x, weight: jt.matmul(reverse_gradient(x, 0.5), weight), inputs, {})
    direction = float(found["weight"][0, 0])
    assert_near(found["weight"][:, 0], direction * inputs["x"][0], 1e-6)
    assert_near(found["x"], -0.5 * direction * inputs["weight"].T, 1e-6)


def test_without_gradients() -> None:
    with jt.no_grad():
        assert (reverse_gradient(jt.array(VALUES), 1.0).numpy() == VALUES).all()
