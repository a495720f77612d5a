"""Arrays whose bytes Jittor would take for other numbers, converted before it copies them.

Jittor copies an array in C order as it lies in memory. With NumPy 1 it looks neither at the byte
order (a file from another machine, a Matlab file) nor at the size of a long double; with NumPy 2
its core, compiled from the overlay, does.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from crossmodal.runtime.jittor_patches import numpy_generation


def convert_before_copying(jittor: Any) -> None:
    """Let ``jittor.array`` take every array by its values, whatever NumPy is installed."""
    if numpy_generation() == 1:
        jittor.array = _of_native(jittor.array)


def native(data: Any) -> Any:
    """An array in this machine's byte order, long doubles as doubles; anything else as it is."""
    if not isinstance(data, np.ndarray) or (data.dtype.isnative and data.dtype.char != "g"):
        return data
    kind = np.dtype(np.float64) if data.dtype.char == "g" else data.dtype.newbyteorder("=")
    return data.astype(kind)


def _of_native(array: Any) -> Any:
    """Jittor's function, given native arrays."""

    @functools.wraps(array)
    def of_native(data: Any, dtype: Any = None) -> Any:
        return array(native(data), dtype)

    return of_native
