"""View attention: golden values, the formula written out, and the order of shapes and views."""

from __future__ import annotations

import numpy as np
import pytest
from golden.formula import unit_rows
from golden.golden_arrays import assert_near, cases, compare, read
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.models.view_attention import ViewAttention, attention_scores
from crossmodal.runtime import jt


def scores(queries: np.ndarray, tokens: np.ndarray, w_in: np.ndarray) -> np.ndarray:
    found = attention_scores(*(jt.array(a.astype(np.float32)) for a in (queries, tokens, w_in)))
    return found.numpy()


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape) for shape in ((6, 8), (6, 3, 8))]
    queries, tokens = (a / np.linalg.norm(a, axis=-1, keepdims=True) for a in arrays)
    return queries, tokens, 3 * rng.normal(size=(8, 8))


def slow_score(query: np.ndarray, views: np.ndarray, w_in: np.ndarray) -> float:
    """``r = sum_v w_v k_v``, ``s = q . r`` for one query and one shape."""
    asked = [sum(w_in[a, b] * query[b] for b in range(len(query))) for a in range(len(query))]
    weights = [np.exp(sum(asked[d] * view[d] for d in range(len(view)))) for view in views]
    shape = sum(w * view for w, view in zip(weights, views)) / sum(weights)
    return float(query @ shape)


@pytest.mark.parametrize("case", cases("view_attention"))
def test_golden(case: str) -> None:
    compare(attention_scores, read("view_attention", f"{case}."))


@given(st.integers(0, 2**32))
def test_twin(seed: int) -> None:
    queries, tokens, w_in = drawn(seed)
    expected = [[slow_score(q, views, w_in) for views in tokens] for q in queries]
    assert_near(scores(queries, tokens, w_in), np.array(expected), 1e-5)


@given(st.integers(0, 2**32), st.permutations(range(6)), st.permutations(range(3)))
def test_permuting_shapes_permutes_scores_and_views_do_not_matter(
    seed: int, shapes: list[int], views: list[int]
) -> None:
    queries, tokens, w_in = drawn(seed)
    found = scores(queries, tokens[list(shapes)][:, list(views)], w_in)
    assert_near(found, scores(queries, tokens, w_in)[:, list(shapes)], 1e-5)


@given(st.integers(0, 2**32))
def test_score_lies_between_the_worst_and_the_best_view(seed: int) -> None:
    queries, tokens, w_in = drawn(seed)
    cosine = np.einsum("qd,svd->qsv", queries, tokens)
    found = scores(queries, tokens, w_in)
    assert (found <= cosine.max(2) + 1e-6).all() and (found >= cosine.min(2) - 1e-6).all()


def test_without_weights_it_is_the_mean_view_and_very_sharp_the_best() -> None:
    queries, tokens = unit_rows("queries", (6, 8)), unit_rows("tokens", (6, 3, 8))
    cosine = np.einsum("qd,svd->qsv", queries, tokens)
    assert_near(scores(queries, tokens, np.zeros((8, 8))), cosine.mean(2), 1e-5)
    assert_near(scores(queries, tokens, 1e4 * np.eye(8)), cosine.max(2), 1e-4)


def test_the_released_output_layer_takes_no_part() -> None:
    attention = ViewAttention(8)
    queries, tokens = jt.array(unit_rows("queries", (6, 8))), jt.array(unit_rows("t", (6, 3, 8)))
    gradient = jt.grad(attention(queries, tokens).sum(), attention.linear_in.weight)
    assert np.abs(gradient.numpy()).max() > 0
    assert attention.linear_out.weight.is_stop_grad()
    assert tuple(attention.linear_out.weight.shape) == (8, 16)
