"""Weights and inputs from a formula, so that golden files need not store them. NumPy only.

Everything is drawn by name from NumPy's legacy generator, whose streams are fixed for good.
"""

from __future__ import annotations

import zlib

import numpy as np


def uniform(name: str, shape: tuple[int, ...], low: float = -1.0, high: float = 1.0) -> np.ndarray:
    """``shape`` float32 values in [low, high), decided by ``name``."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    return (low + (high - low) * random.random_sample(shape)).astype(np.float32)


def unit_rows(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """``shape`` float32 whose last axis has length one."""
    rows = uniform(name, shape).astype(np.float64)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A network's tensor by its dotted name: values that keep activations of order one.

    Convolutions and linear layers by fan-in, normalisations around 0.6 (so that residual branches
    do not add up to large numbers), running variances around 1, everything else around 0.
    """
    kind = name.rsplit(".", 1)[-1]
    if len(shape) > 1:
        limit = (6.0 / float(np.prod(shape[1:]))) ** 0.5
        return uniform(name, shape, -limit, limit)
    if kind == "running_var":
        return uniform(name, shape, 0.5, 1.5)
    if kind == "weight":
        return uniform(name, shape, 0.3, 0.9)
    return uniform(name, shape, -0.2, 0.2)


def fingerprint(name: str, array: np.ndarray) -> tuple[float, float]:
    """Two numbers that tell a large array from another: its length, and its component along a
    direction decided by ``name``."""
    array = np.asarray(array, np.float64)
    direction = uniform("direction of " + name, array.shape).astype(np.float64)
    return float(np.linalg.norm(array)), float((array * direction).sum() / array.size ** 0.5)
