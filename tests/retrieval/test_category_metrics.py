"""Category measures against slow, obvious twins, published check values, and their borders."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slow_category import NAMES, slow_measures, slow_rankings

from crossmodal.retrieval import category_ranking
from crossmodal.retrieval.category_metrics import (
    PROTOCOLS,
    CategoryMeasures,
    CategoryResults,
    measure_categories,
    precision_recall,
)
from crossmodal.retrieval.category_ranking import PREPARATIONS

SIZES = (30, 20, 10)  # of the check values' gallery classes; 5 queries each


def one_hot(labels: Any, classes: int = 3) -> np.ndarray:
    return np.eye(classes)[np.asarray(labels)]


def perfect(protocol: str = "mi3dor") -> CategoryResults:
    query, gallery = np.repeat([0, 1, 2], 5), np.repeat([0, 1, 2], SIZES)
    return measure_categories(one_hot(query), query, one_hot(gallery), gallery, protocol)


def on_a_line(labels: list[int], **options: Any) -> CategoryResults:
    """One query of class 0 and a gallery of `labels` in this order of distance."""
    angles = np.linspace(0.1, 1.5, len(labels))
    shapes = np.stack([np.cos(angles), np.sin(angles)], 1)
    return measure_categories(np.array([[1.0, 0.0]]), np.array([0]), shapes, labels, **options)


def numbers(measures: CategoryMeasures) -> list[float]:
    return [getattr(measures, name) for name in NAMES]


@given(seed=st.integers(0, 10_000), queries=st.integers(1, 12), shapes=st.integers(2, 45),
       classes=st.integers(1, 5), grid=st.booleans(), protocol=st.sampled_from(PROTOCOLS),
       preparation=st.sampled_from(PREPARATIONS))
def test_everything_equals_the_slow_twin(
    seed: int, queries: int, shapes: int, classes: int, grid: bool, protocol: str,
    preparation: str,
) -> None:
    """With ties (features on a coarse grid), zero rows, absent classes and distractors."""
    rng = np.random.default_rng(seed)
    q, g = rng.standard_normal((queries, 3)), rng.standard_normal((shapes, 3))
    if grid:
        q, g = np.rint(q), np.rint(g)
    query = rng.integers(0, classes + 1, queries)
    gallery = rng.integers(-1, classes, shapes)
    results = measure_categories(q, query, g, gallery, protocol, preparation)
    rankings = slow_rankings(q.tolist(), g.tolist(), preparation)
    assert results.top_indices.tolist() == [row[:10] for row in rankings]
    dropped = PROTOCOLS.index(protocol)
    for only, measures in [(None, results.overall), *results.per_class.items()]:
        expected = slow_measures(rankings, query.tolist(), gallery.tolist(), dropped, only)
        np.testing.assert_allclose(numbers(measures), [expected[name] for name in NAMES],
                                   rtol=0, atol=1e-9, err_msg=str(only))
    assert sum(m.queries for m in results.per_class.values()) == queries
    assert results.without_positive == sum(label not in gallery for label in query)
    assert results.distractors == (gallery == -1).sum()


@pytest.mark.parametrize("block", [1, 100, 333])
def test_the_size_of_a_block_changes_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    task = (rng.standard_normal((50, 8)), rng.integers(0, 4, 50), rng.standard_normal((33, 8)),
            rng.integers(-1, 4, 33))
    whole = measure_categories(*task)
    monkeypatch.setattr(category_ranking, "BLOCK", block)
    parts = measure_categories(*task)
    assert parts.overall == whole.overall and parts.per_class == whole.per_class
    np.testing.assert_array_equal(parts.top_indices, whole.top_indices)
    np.testing.assert_array_equal(parts.precision, whole.precision)


@given(seed=st.integers(0, 10_000), protocol=st.sampled_from(PROTOCOLS))
def test_permuting_gallery_or_queries_changes_nothing_without_ties(
    seed: int, protocol: str
) -> None:
    rng = np.random.default_rng(seed)
    q, g = rng.random((9, 6)), rng.random((40, 6))  # nothing is clipped: no ties
    query, gallery = rng.integers(0, 5, 9), rng.integers(-1, 4, 40)
    whole = measure_categories(q, query, g, gallery, protocol)
    a, b = rng.permutation(9), rng.permutation(40)
    mixed = measure_categories(q[a], query[a], g[b], gallery[b], protocol)
    np.testing.assert_allclose(numbers(mixed.overall), numbers(whole.overall), atol=1e-12)
    np.testing.assert_array_equal(b[mixed.top_indices], whole.top_indices[a])


# --- values that are known ---


def test_check_values_of_a_perfect_ranking() -> None:
    found = perfect().overall
    assert (found.nn, found.ft, found.st, found.dcg, found.anmrr) == (1, 1, 1, 1, 0)
    assert (found.map, found.anmrr_mpeg7) == (1, 0)
    assert found.f == pytest.approx(0.8333, abs=5e-5)
    assert found.auc == pytest.approx(0.8725, abs=5e-5)


def test_check_values_of_the_released_copy() -> None:
    results = perfect("sc-ibsr-released")
    found = results.overall
    assert (round(found.ft, 3), round(found.dcg, 3), round(found.anmrr, 3)) == (.939, .961, .050)
    assert results.protocol == "sc-ibsr-released" and len(results.recall) == 59


def test_the_worst_ranking() -> None:
    found = on_a_line([1] * 40 + [0] * 4).overall
    assert (found.nn, found.ft, found.st, found.f, found.dcg) == (0, 0, 0, 0, 0)
    assert (found.anmrr, found.anmrr_mpeg7) == (1, 1)
    assert found.map == pytest.approx((1 / 41 + 2 / 42 + 3 / 43 + 4 / 44) / 4)


def test_a_ranking_by_hand() -> None:
    """Places: right, wrong, right, wrong, wrong; N = 2, T = 3, so S = K(MI3DOR) = 6."""
    found = on_a_line([0, 1, 0, 1, 1]).overall
    assert (found.nn, found.ft, found.st) == (1, 1 / 2, 1)
    assert found.f == pytest.approx(2 / (5 / 2 + 1))  # p = 2 / 5, r = 1
    assert found.dcg == pytest.approx(1 / 2)
    assert found.anmrr == pytest.approx(((1 + 7) / 2 - 1 - .5) / (6 - 1 + .5))
    assert found.map == pytest.approx((1 + 2 / 3) / 2)
    assert found.auc == pytest.approx(0.5 * (1 / 2 + 2 / 3) / 2)


def test_mpeg7_anmrr_by_hand() -> None:
    """Right at 1, 3 and 9; N = GTM = 3, K = 6; the third counts 7.5.

    AVR = (1 + 3 + 7.5) / 3 = 3.8333, MRR = AVR - 2 = 1.8333, NMRR = MRR / (7.5 - 2).
    """
    results = on_a_line([0, 1, 0, 1, 1, 1, 1, 1, 0, 1])
    assert results.largest_class == 7
    assert results.overall.anmrr_mpeg7 == pytest.approx((11.5 / 3 - 2) / 5.5)
    assert results.overall.anmrr == pytest.approx(((1 + 13 + 3) / 3 - 2) / (12 - 1.5 + .5))


# --- definitions at the borders ---


def test_ties_keep_the_order_of_the_gallery() -> None:
    same = np.tile([0.3, 0.4, 0.1], (6, 1)) * np.arange(1, 7)[:, None]  # one direction
    results = measure_categories(same[:1], [0], same, [1, 0, 1, 0, 1, 1])
    assert results.top_indices.tolist() == [[0, 1, 2, 3, 4, 5]]
    assert results.overall.nn == 0 and results.overall.map == pytest.approx(1 / 2)
    np.testing.assert_allclose(results.top_distances, 0, atol=1e-7)


def test_a_class_without_shapes_is_counted_and_left_out() -> None:
    """Class 2 has no shape: the numbers are those of the other queries alone."""
    rng = np.random.default_rng(0)
    q, g, query = rng.random((6, 4)), rng.random((30, 4)), np.array([0, 2, 1, 2, 0, 1])
    gallery, kept = rng.integers(0, 2, 30), query != 2
    results = measure_categories(q, query, g, gallery)
    alone = measure_categories(q[kept], query[kept], g, gallery)
    assert (results.queries, results.without_positive) == (6, 2)
    assert numbers(results.overall) == numbers(alone.overall)
    np.testing.assert_array_equal(results.precision, alone.precision)
    missing = results.per_class[2]
    assert (missing.queries, missing.without_positive) == (2, 2)
    assert all(math.isnan(value) for value in numbers(missing))


def test_shapes_without_class_take_places_and_are_never_right() -> None:
    found = on_a_line([-1, 0, -1, 0])
    assert (found.distractors, found.gallery_classes, found.largest_class) == (2, 1, 2)
    assert found.overall.nn == 0 and found.overall.ft == 0.5
    assert found.overall.map == pytest.approx(1 / 2)
    nothing = on_a_line([-1, -1])
    assert nothing.without_positive == 1 and math.isnan(nothing.overall.f)
    assert np.isnan(nothing.precision).all()


@pytest.mark.parametrize(("shapes", "cutoff"), [(3, 3), (19, 19), (20, 20), (40, 20)])
def test_f_takes_the_shapes_there_are(shapes: int, cutoff: int) -> None:
    results = on_a_line([0, 0] + [1] * (shapes - 2))
    assert results.f_cutoff == cutoff
    assert results.overall.f == pytest.approx(2 / (cutoff / 2 + 1))


def test_one_shape_and_one_query() -> None:
    found = on_a_line([0])
    assert [found.overall.nn, found.overall.f, found.overall.map, found.overall.anmrr] == [
        1, 1, 1, 0]
    assert found.overall.auc == 0 and found.recall.tolist() == [1]
    with pytest.raises(ValueError, match="drops the first shape .* use the protocol mi3dor"):
        on_a_line([0], protocol="sc-ibsr-released")


def test_the_result_says_what_it_measured() -> None:
    results = on_a_line([0, 1, 5, -1], preparation="l2-normalised")
    assert (results.protocol, results.preparation) == ("mi3dor", "l2-normalised")
    assert (results.queries, results.shapes, results.query_classes) == (1, 4, 1)
    assert (results.gallery_classes, results.distractors, results.without_positive) == (3, 1, 0)
    assert list(results.per_class) == [0] and results.per_class[0] == results.overall


def test_labels_need_not_be_dense_and_may_be_whole_floats() -> None:
    labels = np.array([7.0, 1_000_000_007.0])
    results = measure_categories(np.eye(2), labels, np.eye(2), labels)
    assert results.overall.map == 1 and list(results.per_class) == [7, 1_000_000_007]


def test_precision_and_recall_at_every_place() -> None:
    precision, recall = precision_recall(np.array([2, 0, 1, 1]), 2)
    np.testing.assert_allclose(precision, [1, 1 / 2, 1 / 2, 1 / 2])
    np.testing.assert_allclose(recall, [1 / 2, 1 / 2, 3 / 4, 1])


SPEED = """
import time, numpy as np
from crossmodal.retrieval.category_metrics import measure_categories
from crossmodal.runtime.log import peak_memory_mib
rng = np.random.default_rng(0)
query, gallery = rng.integers(0, 21, 10_500), rng.integers(0, 21, 3_848)
centres = rng.standard_normal((21, 256))
q = (centres[query] + rng.standard_normal((10_500, 256))).astype("f4")
g = (centres[gallery] + rng.standard_normal((3_848, 256))).astype("f4")
start = time.perf_counter()
found = measure_categories(q, query, g, gallery).overall
print(time.perf_counter() - start, peak_memory_mib(), found.nn)
"""


def test_mi3dor_is_measured_in_seconds_and_little_memory() -> None:
    """10,500 photos against 3,848 shapes: below a minute (1.2 s) and 2 GiB (140 MiB)."""
    out = subprocess.run([sys.executable, "-c", SPEED], capture_output=True, text=True, check=True)
    seconds, memory, nn = map(float, out.stdout.split())
    assert seconds < 60 and memory < 2048 and nn > 0.99
