"""Checks that every loss goes through, given its slow twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from golden.formula import uniform
from golden.golden_arrays import assert_near, evaluate
from loss_twins import central_differences

from crossmodal.runtime import jt

Loss = Callable[..., jt.Var]
Twin = Callable[..., float]


def same_as_twin(loss: Loss, twin: Twin, inputs: Mapping[str, np.ndarray],
                 constants: Mapping[str, np.ndarray]) -> None:
    """Value to 1e-5; gradients, by finite differences of the twin, to 1e-4.

    The twin gets doubles throughout: since NumPy 2 a float32 of an array times a Python float is a
    float32, which is too coarse for a difference.
    """
    value, gradients = evaluate(loss, inputs, constants)
    exact = {name: array.astype(np.float64) if array.dtype == np.float32 else array
             for name, array in {**inputs, **constants}.items()}
    assert_near(value, np.array(twin(**exact)), 1e-5, "value")
    for name, gradient in gradients.items():
        def along(array: np.ndarray, name: str = name) -> float:
            return twin(**{**exact, name: array})

        assert_near(gradient, central_differences(along, inputs[name]), 1e-4, name)


def same_as_own_differences(loss: Loss, inputs: Mapping[str, np.ndarray],
                            constants: Mapping[str, np.ndarray]) -> None:
    """The gradient agrees with what the loss itself does along a direction."""
    _, gradients = evaluate(loss, inputs, constants)
    step, slope, ends = 2e-3, 0.0, []
    directions = {name: uniform(f"along {name}", a.shape) for name, a in inputs.items()}
    for sign in (1, -1):
        moved = {name: a + sign * step * directions[name] for name, a in inputs.items()}
        ends.append(float(evaluate(loss, moved, constants)[0]))
    slope = sum(float((gradients[n] * directions[n]).sum()) for n in inputs)
    assert_near(np.array(slope), np.array((ends[0] - ends[1]) / (2 * step)), 1e-2, "slope")


def finite(loss: Loss, inputs: Mapping[str, np.ndarray],
           constants: Mapping[str, np.ndarray]) -> float:
    """The value, after checking that it and all gradients are finite numbers."""
    value, gradients = evaluate(loss, inputs, constants)
    assert np.isfinite(value).all()
    for name, gradient in gradients.items():
        assert np.isfinite(gradient).all(), name
    return float(value)
