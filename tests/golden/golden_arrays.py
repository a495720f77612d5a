"""Read golden arrays, and evaluate a Jittor function on them in the way they were made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from golden.formula import uniform

from crossmodal.runtime import jt

FOLDER = Path(__file__).resolve().parent
Arrays = dict[str, np.ndarray]


def read(name: str, prefix: str = "") -> Arrays:
    """The arrays of ``<name>.npz`` whose names begin with ``prefix``, without it."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return {key[len(prefix):]: file[key] for key in file.files if key.startswith(prefix)}


def cases(name: str, prefix: str = "") -> list[str]:
    """The cases of a golden file whose names begin with ``prefix``, without it."""
    return sorted({key.split(".in.")[0] for key in read(name, prefix) if ".in." in key})


def evaluate(function: Callable[..., jt.Var], inputs: Mapping[str, np.ndarray],
             constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, Arrays]:
    """Value, and gradients with respect to ``inputs``; a value that is no scalar is summed along
    the direction the golden arrays used."""
    leaves = {name: jt.array(array.astype(np.float32)) for name, array in inputs.items()}
    fixed = {name: jt.array(array) for name, array in constants.items()}
    value = function(**leaves, **fixed)
    scalar = value
    if value.numel() > 1:
        scalar = (value * jt.array(uniform("direction", tuple(value.shape)))).sum()
    gradients = jt.grad(scalar, list(leaves.values()))
    jt.sync_all(True)
    array = value.numpy().reshape(() if scalar is value else value.shape)
    return array, {name: g.numpy() for name, g in zip(leaves, gradients)}


def compare(function: Callable[..., jt.Var], golden: Arrays) -> None:
    """Check ``function`` against one golden case: value to 1e-5, gradients to 1e-4."""
    given = {key[3:]: array for key, array in golden.items() if key.startswith("in.")}
    inputs = {name: array for name, array in given.items() if f"grad.{name}" in golden}
    constants = {name: array for name, array in given.items() if name not in inputs}
    value, gradients = evaluate(function, inputs, constants)
    assert_near(value, golden["value"], 1e-5)
    for name, gradient in gradients.items():
        assert_near(gradient, golden[f"grad.{name}"], 1e-4, name)


def assert_near(found: np.ndarray, expected: np.ndarray, tolerance: float, what: str = "") -> None:
    """Every difference is below ``tolerance`` times the largest expected magnitude (or 1e-3)."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.size == expected.size, f"{what}: {found.shape} for {expected.shape}"
    scale = max(1e-3, float(np.abs(expected).max()))
    worst = float(np.abs(found.reshape(expected.shape) - expected).max())
    assert worst <= tolerance * scale, f"{what}: off by {worst:.3g}, magnitude {scale:.3g}"
