"""HAU against brute force, and what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from crossmodal.geometry.hausdorff import averaged_hausdorff


def hausdorff_slowly(first: np.ndarray, second: np.ndarray, scale: float) -> float:
    """All distances, in blocks of rows."""
    first, second = scale * first.astype(np.float64), scale * second.astype(np.float64)
    there, back = 0.0, np.full(len(second), np.inf)
    for start in range(0, len(first), 256):
        block = first[start : start + 256]
        distance = np.linalg.norm(block[:, None] - second[None], axis=2)
        there += distance.min(1).sum()
        back = np.minimum(back, distance.min(0))
    return float((there + back.sum()) / (len(first) + len(second)))


def points(seed: int, count: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).normal(size=(count, 3))


def test_a_value_written_out() -> None:
    """Distances 1 and 3 one way, 1 the other: (1 + 3 + 1) / (2 + 1), halved."""
    first, second = np.array([[0, 0, 1], [0, 0, 3]]), np.zeros((1, 3))
    assert averaged_hausdorff(first, second, scale=1.0) == pytest.approx(5 / 3)
    assert averaged_hausdorff(first, second) == pytest.approx(5 / 6)


def test_it_agrees_with_brute_force_on_ten_thousand_points() -> None:
    first, second = points(1, 2000), points(2, 1500)
    slow = hausdorff_slowly(first, second, 0.5)
    assert averaged_hausdorff(first, second) == pytest.approx(slow, rel=1e-12)
    assert averaged_hausdorff(points(3, 10_000), points(4, 10_000)) > 0


@given(st.integers(0, 99), st.integers(1, 40), st.integers(1, 40))
def test_symmetry_identity_and_scale(seed: int, n: int, m: int) -> None:
    first, second = points(seed, n), points(seed + 1000, m)
    value = averaged_hausdorff(first, second)
    assert value == pytest.approx(hausdorff_slowly(first, second, 0.5))
    assert averaged_hausdorff(second, first) == pytest.approx(value)
    assert averaged_hausdorff(first, first) == 0
    assert averaged_hausdorff(3 * first, 3 * second) == pytest.approx(3 * value)


@given(st.integers(0, 99))
def test_moving_both_sets_alike_changes_nothing(seed: int) -> None:
    first, second = points(seed, 30), points(seed + 500, 20)
    turn = Rotation.random(random_state=seed).as_matrix()
    shift = points(seed + 900, 1)
    moved = averaged_hausdorff(first @ turn.T + shift, second @ turn.T + shift)
    assert moved == pytest.approx(averaged_hausdorff(first, second))


@pytest.mark.parametrize("bad", [np.zeros((0, 3)), np.zeros((4, 2)), np.full((2, 3), np.nan)])
def test_unusable_sets_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="point set"):
        averaged_hausdorff(bad, np.zeros((2, 3)))
