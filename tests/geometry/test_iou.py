"""IoU against counting one by one, and what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crossmodal.geometry.iou import iou, iou_packed, pack

GRID = arrays(bool, (3, 4, 5))


def iou_slowly(first: np.ndarray, second: np.ndarray) -> float:
    both = either = 0
    for a, b in zip(first.reshape(-1), second.reshape(-1)):
        both += bool(a and b)
        either += bool(a or b)
    return both / either if either else 1.0


def test_values_written_out() -> None:
    first, second = np.array([1, 1, 1, 0], bool), np.array([0, 1, 1, 1], bool)
    assert iou(first, second) == 0.5
    assert iou(first, first) == 1.0
    assert iou(first, ~first) == 0.0
    assert iou(np.zeros(4), np.zeros(4)) == 1.0


@given(GRID, GRID)
def test_it_agrees_with_its_slow_twin_also_packed(first: np.ndarray, second: np.ndarray) -> None:
    assert iou(first, second) == iou_slowly(first, second)
    assert iou_packed(pack(first), pack(second)) == iou_slowly(first, second)


@given(GRID, GRID, st.integers(0, 5))
def test_symmetry_identity_and_order_of_cells(first, second, seed: int) -> None:
    assert iou(first, second) == iou(second, first)
    assert iou(first, first) == 1.0
    order = np.random.Generator(np.random.Philox(seed)).permutation(60)
    assert iou(first.reshape(-1)[order], second.reshape(-1)[order]) == iou(first, second)


def test_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="different shapes"):
        iou(np.zeros((2, 2)), np.zeros(4))
    with pytest.raises(ValueError, match="different lengths"):
        iou_packed(np.zeros(2, np.uint8), np.zeros(3, np.uint8))
