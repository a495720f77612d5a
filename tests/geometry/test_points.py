"""Surface points: on the surface, evenly by area, the seed decides."""

from __future__ import annotations

import numpy as np
import pytest
from simple_shapes import cube, sphere

from crossmodal.geometry.mesh import make_mesh
from crossmodal.geometry.points import sample_points


def test_points_lie_on_the_surface() -> None:
    points = sample_points(cube(), 2000)
    assert points.shape == (2000, 3) and points.dtype == np.float32
    np.testing.assert_allclose(np.abs(points).max(1), 1, atol=1e-6)


def test_every_unit_of_area_is_equally_likely() -> None:
    """Two triangles, one nine times as large: nine tenths of the points, and even inside."""
    vertices = np.array([[0, 0, 0], [3, 0, 0], [0, 3, 0], [9, 9, 9], [10, 9, 9], [9, 10, 9]])
    points = sample_points(make_mesh(vertices, np.array([[0, 1, 2], [3, 4, 5]])), 20_000, seed=5)
    large = points[points[:, 2] < 1]
    assert len(large) / 20_000 == pytest.approx(0.9, abs=0.01)
    near_corner = (large[:, 0] + large[:, 1] < 1.5).mean()  # a quarter of the triangle's area
    assert near_corner == pytest.approx(0.25, abs=0.015)


def test_the_seed_decides() -> None:
    first, again = (sample_points(sphere(8), 50, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (sample_points(sphere(8), 50, seed=2) != first).any()


def test_no_points_is_an_error() -> None:
    with pytest.raises(ValueError, match="not 0"):
        sample_points(cube(), 0)
