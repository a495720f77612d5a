"""Rows of different lengths, laid end to end in one array."""

from __future__ import annotations

import numpy as np

LARGEST = 2.0**53  # up to here float64 tells all integers apart


def spans(starts: np.ndarray, sizes: np.ndarray, step: int = 1) -> np.ndarray:
    """(sizes.sum(),) positions start, start + step, ... of each row, one row after the other.

    starts, sizes : (R,) int64, sizes not negative
    """
    ends = np.cumsum(sizes)
    within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - sizes, sizes)
    return np.repeat(starts, sizes) + within * step


def integers(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values as int64, and (same shape) bool where a value is no integer, and given as -1."""
    if np.issubdtype(values.dtype, np.integer):
        return values.astype(np.int64), np.zeros(values.shape, bool)
    values = values.astype(np.float64)  # 2**53 is no float16
    with np.errstate(invalid="ignore"):
        wrong = ~((np.abs(values) <= LARGEST) & (values == np.floor(values)))
    return np.where(wrong, -1, values).astype(np.int64), wrong
