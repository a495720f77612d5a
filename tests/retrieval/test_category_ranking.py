"""Features are prepared and ranked as said, and inputs that do not fit are refused with advice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crossmodal.retrieval.category_metrics import measure_categories
from crossmodal.retrieval.category_ranking import prepare_features, ranked_blocks


def test_preparations_differ_by_the_clipping_only() -> None:
    rows = np.array([[3.0, -4.0], [-1.0, -1.0], [0.0, 2.0]], np.float32)
    kept = rows.copy()
    np.testing.assert_allclose(prepare_features(rows), [[1, 0], [0, 0], [0, 1]])
    np.testing.assert_allclose(prepare_features(rows, "l2-normalised")[0], [0.6, -0.8])
    np.testing.assert_array_equal(rows, kept)


def test_distances_are_euclidean() -> None:
    rng = np.random.default_rng(1)
    q, g = prepare_features(rng.random((4, 5))), prepare_features(rng.random((7, 5)))
    full = np.linalg.norm(q[:, None] - g, axis=2)
    (block,) = ranked_blocks(q, g)
    np.testing.assert_array_equal(block.order, np.argsort(full, 1))
    np.testing.assert_allclose(block.distances(3), np.sort(full, 1)[:, :3], atol=1e-5)


GOOD: dict[str, Any] = {
    "query_features": np.eye(3), "query_labels": np.arange(3),
    "gallery_features": np.eye(3), "gallery_labels": np.arange(3),
}


@pytest.mark.parametrize(("change", "message"), [
    ({"query_features": np.zeros((0, 3))}, r"query features have shape \(0, 3\): give"),
    ({"gallery_features": np.zeros((0, 3)), "gallery_labels": []}, "gallery features have shape"),
    ({"gallery_features": np.zeros(3)}, "gallery features have shape"),
    ({"query_features": np.eye(3)[:, :2]}, "2 dimensions and gallery features 3: take both"),
    ({"query_features": np.full((3, 3), np.nan)}, r"3 of 3 query .* another checkpoint"),
    ({"gallery_features": np.diag([1.0, -np.inf, 1.0])}, r"1 of 3 gallery .*first: row 1\)"),
    ({"query_labels": [0, 1]}, r"query labels have shape \(2,\), there are 3"),
    ({"gallery_labels": np.zeros((3, 1), int)}, "gallery labels have shape"),
    ({"query_labels": [0, -1, 2]}, "1 query labels are below 0 .*leave out queries"),
    ({"gallery_labels": [0, -2, 2]}, "1 gallery labels are below -1 .*use -1"),
    ({"query_labels": [0, 0.5, 1]}, "query labels must be whole numbers"),
    ({"query_labels": [0, np.nan, 1]}, "query labels must be whole numbers"),
    ({"gallery_labels": ["a", "b", "c"]}, "gallery labels must be whole numbers"),
    ({"protocol": "shrec"}, "unknown protocol 'shrec': choose mi3dor or sc-ibsr-released"),
    ({"preparation": "raw"}, "unknown feature preparation 'raw': choose released-features or"),
])
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure_categories(**{**GOOD, **change})
