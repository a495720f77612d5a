"""The camera against projection written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.geometry.camera import FRAME_MARGIN, Camera

ANGLE = st.floats(-80, 80, allow_subnormal=False)


def test_view_zero_looks_from_the_front_and_above() -> None:
    camera = Camera(0, 30, field_of_view=30)
    distance = FRAME_MARGIN / np.sin(np.radians(15))
    np.testing.assert_allclose(camera.position, [0, distance / 2, distance * np.sqrt(3) / 2])
    np.testing.assert_allclose(camera.axes[0], [1, 0, 0], atol=1e-12)


def test_quarter_turn_sees_the_left_side() -> None:
    np.testing.assert_allclose(Camera(90, 0).axes[2], [1, 0, 0], atol=1e-12)


@given(ANGLE, ANGLE, ANGLE)
def test_axes_are_orthonormal_and_right_handed(
    azimuth: float, elevation: float, roll: float
) -> None:
    axes = Camera(azimuth, elevation, roll).axes
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1)


@given(ANGLE, ANGLE, ANGLE, st.floats(0.5, 2, allow_subnormal=False),
       st.floats(-0.5, 0.5, allow_subnormal=False))
def test_a_ray_passes_through_what_its_pixel_shows(azimuth, elevation, roll, zoom, shift) -> None:
    camera = Camera(azimuth, elevation, roll, 40, zoom, (shift, -shift / 2))
    size = 17
    origin, directions = camera.rays(size)
    assert directions.shape == (size * size, 3)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-6)
    for row, column in ((0, 0), (8, 8), (3, 14)):
        point = origin + 2.0 * directions[row * size + column]
        right, up, back = camera.axes @ (point - camera.position)
        half = np.tan(np.radians(20))
        x = right / -back / half * zoom + shift
        y = up / -back / half * zoom - shift / 2
        assert x == pytest.approx((column + 0.5) / size * 2 - 1, abs=1e-4)
        assert y == pytest.approx(1 - (row + 0.5) / size * 2, abs=1e-4)
