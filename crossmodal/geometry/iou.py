"""Intersection over union of voxel grids, as booleans or as packed bits (an eighth the size)."""

from __future__ import annotations

import numpy as np

_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(1).astype(np.uint16)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """|A and B| / |A or B| of two boolean grids of one shape; 1 when both are empty."""
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    if first.shape != second.shape:
        raise ValueError(f"grids of different shapes: {first.shape} and {second.shape}")
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / union if union else 1.0


def pack(grid: np.ndarray) -> np.ndarray:
    """(ceil(n / 8),) uint8 bits of a boolean grid with n cells."""
    return np.packbits(np.asarray(grid, bool).reshape(-1))


def iou_packed(first: np.ndarray, second: np.ndarray) -> float:
    """The same from two packed grids (see `pack`)."""
    if first.shape != second.shape:
        raise ValueError(f"packed grids of different lengths: {first.shape} and {second.shape}")
    union = int(_ONES[first | second].sum(dtype=np.int64))
    return int(_ONES[first & second].sum(dtype=np.int64)) / union if union else 1.0
