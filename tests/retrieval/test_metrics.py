"""Measures against slow, obvious twins, and their borders: ties, tiny galleries, no right item."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from crossmodal.data.records import ShapeKey
from crossmodal.retrieval.curve import match_curve
from crossmodal.retrieval.metrics import (
    category_accuracy,
    mean_reciprocal_rank,
    measure,
    measure_per_category,
    rank_of_relevant,
    top_k_rate,
)
from crossmodal.retrieval.relevance import (
    relevance_by_category,
    relevance_by_id,
    relevance_of_shapes,
)
from crossmodal.retrieval.top_k import rank_scores


def slow_rank(scores: list[float], relevance: list[bool]) -> int:
    """Sort with Python, walk the list."""
    order = sorted(range(len(scores)), key=lambda j: (-scores[j], j))
    for place, j in enumerate(order, 1):
        if relevance[j] and scores[j] > -math.inf:
            return place
    return 0


def slow_measures(ranks: list[int]) -> tuple[float, float, float]:
    hits1 = hits10 = count = 0
    reciprocal = 0.0
    for rank in ranks:
        if rank == 0:
            continue
        count += 1
        hits1 += rank == 1
        hits10 += rank <= 10
        reciprocal += 1 / rank
    return hits1 / count, hits10 / count, reciprocal / count


# few different values, so that ties are the rule
tables = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.float32, shape, elements=st.sampled_from([0.0, 0.25, 0.5, -1.0, -np.inf])),
        hnp.arrays(bool, shape),
    )
)


@given(table=tables)
def test_rank_equals_the_slow_twin_with_ties(table: tuple[np.ndarray, np.ndarray]) -> None:
    scores, relevance = table
    expected = [slow_rank(s, r) for s, r in zip(scores.tolist(), relevance.tolist())]
    assert rank_of_relevant(scores, relevance).tolist() == expected


@given(table=tables, k=st.integers(1, 12))
def test_rank_agrees_with_the_shown_list(table: tuple[np.ndarray, np.ndarray], k: int) -> None:
    scores, relevance = table
    relevance &= scores > -np.inf
    shown = np.take_along_axis(relevance, rank_scores(scores, k)[1], 1)
    ranks = rank_of_relevant(scores, relevance)
    assert ((ranks > 0) & (ranks <= k)).tolist() == shown.any(1).tolist()


@given(seed=st.integers(0, 999), queries=st.integers(1, 300))
def test_permuting_the_gallery_changes_no_rank(seed: int, queries: int) -> None:
    rng = np.random.default_rng(seed)
    scores, relevance = rng.standard_normal((queries, 14)), rng.random((queries, 14)) < 0.2
    order = rng.permutation(14)
    np.testing.assert_array_equal(rank_of_relevant(scores[:, order], relevance[:, order]),
                                  rank_of_relevant(scores, relevance))


@given(ranks=st.lists(st.integers(0, 20), min_size=1).filter(any))
def test_measures_equal_the_slow_twin(ranks: list[int]) -> None:
    array = np.array(ranks)
    got = top_k_rate(array, 1), top_k_rate(array, 10), mean_reciprocal_rank(array)
    np.testing.assert_allclose(got, slow_measures(ranks), rtol=1e-12)
    curve = match_curve(array, 20)
    assert curve[[0, 9]].tolist() == pytest.approx(got[:2])
    assert (np.diff(curve) >= 0).all() and curve[-1] == pytest.approx(1)


def test_a_hand_made_table() -> None:
    scores = np.array([[0.9, 0.1, 0.5], [0.2, 0.8, 0.8], [0.1, 0.2, 0.3]])
    relevance = np.array([[1, 0, 0], [0, 0, 1], [0, 0, 0]], bool)
    ranks = rank_of_relevant(scores, relevance)
    assert ranks.tolist() == [1, 2, 0]  # the tie of query 1 goes to the lower index, a wrong one
    found = measure(ranks, ["a", "b", "b"], ["a", "b", "a"])
    assert (found.queries, found.without_positive) == (3, 1)
    assert (found.top1, found.top10, found.mrr) == (0.5, 1.0, 0.75)
    assert found.category_accuracy == pytest.approx(2 / 3)
    each = measure_per_category(ranks, ["a", "b", "b"], ["a", "b", "a"])
    assert list(each) == ["a", "b"]
    assert (each["b"].queries, each["b"].without_positive, each["b"].top1) == (2, 1, 0.0)
    assert each["b"].category_accuracy == 0.5


def test_micro_average_weighs_categories_by_their_queries() -> None:
    ranks, names = np.array([1, 1, 3, 1]), ["a", "a", "a", "b"]
    each = measure_per_category(ranks, names, names)
    weighed = sum(m.top1 * m.queries for m in each.values()) / 4
    assert measure(ranks, names, names).top1 == pytest.approx(weighed)


def test_a_gallery_smaller_than_ten_gives_top_10_of_one() -> None:
    ranks = rank_of_relevant(np.array([[0.1, 0.2, 0.3, 0.4]]), np.array([[True, False, False, 0]]))
    assert ranks.tolist() == [4]
    assert top_k_rate(ranks, 10) == 1.0


def test_nothing_to_measure_is_nan_not_zero() -> None:
    found = measure(np.zeros(3, int), ["a"] * 3, ["b"] * 3)
    assert math.isnan(found.top1) and math.isnan(found.top10) and math.isnan(found.mrr)
    assert found.without_positive == 3 and found.category_accuracy == 0
    assert math.isnan(category_accuracy([], []))
    assert rank_of_relevant(np.zeros((2, 0)), np.zeros((2, 0))).tolist() == [0, 0]


def test_nan_and_shapes_are_refused() -> None:
    scores = np.zeros((300, 3))
    scores[280, 1] = np.nan
    with pytest.raises(ValueError, match="query 280 has a score that is not a number"):
        rank_of_relevant(scores, np.ones((300, 3)))
    with pytest.raises(ValueError, match=r"must both be \(Q, S\)"):
        rank_of_relevant(scores, np.ones((300, 4)))


def test_relevance_by_id_with_duplicates() -> None:
    gallery = ["a", "b", "c", "d", "e"]
    groups = [["a", "c"], ["c", "d"], ["x", "e"]]
    got = relevance_by_id(["a", "x", {"b", "e"}, "d"], gallery, groups)
    assert got.tolist() == [
        [True, False, True, True, False],  # a ~ c ~ d
        [False, False, False, False, True],  # x itself is not in the gallery, its twin is
        [False, True, False, False, True],
        [True, False, True, True, False],
    ]
    keys = [("chair", "1"), ("bed", "1")]
    assert relevance_by_id([("bed", "1")], keys).tolist() == [[False, True]]
    assert relevance_by_category(["a", "b"], ["b", "a", "b"]).tolist() == [
        [False, True, False], [True, False, True]]


def test_an_id_twice_in_the_gallery_is_refused() -> None:
    with pytest.raises(ValueError, match="the gallery holds 'b' twice"):
        relevance_by_id(["a"], ["a", "b", "b"])


@given(groups=st.lists(st.sets(st.integers(0, 8), min_size=1), max_size=5))
def test_groups_are_joined_until_nothing_changes(groups: list[set[int]]) -> None:
    got = relevance_by_id(list(range(9)), list(range(9)), groups)
    reach = np.eye(9, dtype=bool)
    for group in groups:
        for a in group:
            for b in group:
                reach[a, b] = True
    for _ in range(9):
        reach = (reach.astype(int) @ reach.astype(int)) > 0
    np.testing.assert_array_equal(got, reach)


def keys(*names: str) -> list[ShapeKey]:
    return [ShapeKey(*name.split("/")) for name in names]


@pytest.mark.parametrize(("duplicates", "right"), [
    ((), {"chair/a": ["chair/a"]}),
    ([["a", "b"]], {"chair/a": ["chair/a", "chair/b"], "sofa/c": ["sofa/c"]}),
    ([["a", "c"]], {"chair/a": ["chair/a", "sofa/c"]}),  # one look, two categories
    ([["chair/a", "sofa/c"], ["c", "b"]], {"chair/a": ["chair/a", "chair/b", "sofa/c"]}),
    ([["a", "gone"]], {"chair/a": ["chair/a"], "sofa/d": ["sofa/d"]})])
def test_shapes_that_cannot_be_told_apart(duplicates: list, right: dict) -> None:
    gallery = keys("chair/a", "chair/b", "sofa/c", "sofa/d")
    for shown, expected in right.items():
        found = relevance_of_shapes(keys(shown), gallery, duplicates)[0]
        assert [str(key) for key, is_right in zip(gallery, found) if is_right] == expected


def test_duplicates_count_although_an_instance_name_occurs_twice() -> None:
    """Two categories have a shape called 1: a group of instances is one in each of them."""
    gallery = keys("chair/1", "chair/2", "chair/3", "sofa/1", "sofa/2")
    found = relevance_of_shapes(keys("chair/1", "sofa/2", "chair/3"), gallery, [["1", "2"]])
    assert found.tolist() == [[True, True, False, False, False], [False, False, False, True, True],
                              [False, False, True, False, False]]
    found = relevance_of_shapes(keys("chair/1"), gallery, [["chair/1", "sofa/1"]])
    assert found.tolist() == [[True, False, False, True, False]]
