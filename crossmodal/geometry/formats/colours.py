"""Colours of faces, from the numbers that mesh files give for faces, vertices and materials."""

from __future__ import annotations

import numpy as np

GREY = (102, 102, 102)  # of a face without a colour in a file that has colours


def as_bytes(values: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 from colours in 0..1 or, where any is above 1, in 0..255 or 0..65535.

    What is not finite is 0. Integers are never taken for 0..1.
    """
    whole = np.issubdtype(values.dtype, np.integer)
    values = np.where(np.isfinite(values), values, 0).astype(np.float64)
    largest = values.max(initial=0)
    if not whole and largest <= 1:
        values = values * 255
    elif largest > 255:
        values = values / 257
    return np.clip(values, 0, 255).round().astype(np.uint8)


def mean_of_corners(colours: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(M, 3) uint8 of each face, from (N, 3) uint8 of the vertices; rounded down."""
    return (colours[faces].sum(1, dtype=np.int64) // 3).astype(np.uint8)
