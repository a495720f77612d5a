"""Nearest class centroids, written out."""

from __future__ import annotations

import numpy as np
import pytest

from crossmodal.retrieval.class_centroids import class_centroids, nearest_centroid, unit_rows


def test_a_centroid_is_the_mean_direction_of_its_class() -> None:
    """Length plays no part: (10, 0) and (0, 1) of class 0 point to 45 degrees together."""
    found = class_centroids(np.array([[10, 0], [0, 1], [-3, 0]]), np.array([0, 0, 1]), 2)
    np.testing.assert_allclose(found, [[0.5 ** 0.5, 0.5 ** 0.5], [-1, 0]], atol=1e-6)


def test_the_nearest_is_the_one_with_the_smallest_angle() -> None:
    centroids = np.array([[1, 0], [0, 1]], np.float32)
    assert nearest_centroid(np.array([[3, 2], [2, 3], [1, 1]]), centroids).tolist() == [0, 1, 0]


def test_zero_rows_stay_zero() -> None:
    assert unit_rows(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist() == [
        [0.0, 0.0], [pytest.approx(0.6), pytest.approx(0.8)]]


def test_a_class_without_pictures_is_named() -> None:
    with pytest.raises(ValueError, match="no features of class 1"):
        class_centroids(np.ones((2, 3)), np.array([0, 2]), 3)
