"""Blocked scores equal the formula written out, whatever the block sizes, types and magnitudes."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.retrieval.bound import TokenScan, exact_top_k_by_bound
from crossmodal.retrieval.scoring import AttentionScorer, attention_scores
from crossmodal.retrieval.top_k import rank_scores, top_k


def slow_scores(queries: np.ndarray, tokens: np.ndarray, w_in: np.ndarray) -> np.ndarray:
    """The formula, one query, one shape and one view at a time, in float64."""
    scores = np.zeros((len(queries), len(tokens)))
    for i, query in enumerate(queries.astype(np.float64)):
        for j, views in enumerate(tokens.astype(np.float64)):
            logits = np.array([(w_in.astype(np.float64) @ query) @ view for view in views])
            weights = np.exp(logits - logits.max())
            weights /= weights.sum()
            scores[i, j] = sum(w * (query @ view) for w, view in zip(weights, views))
    return scores


def slow_top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Indices by falling score, then rising index, with Python's sort."""
    return np.array([sorted(range(len(row)), key=lambda j: (-row[j], j))[:k] for row in scores],
                    np.int64).reshape(len(scores), min(k, scores.shape[1]))


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    values = rng.standard_normal(shape)
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def problem(seed: int, queries: int, shapes: int, views: int, dim: int, gain: float = 2.0):
    rng = np.random.default_rng(seed)
    w_in = (gain * rng.standard_normal((dim, dim))).astype(np.float32)
    return unit(rng, queries, dim), unit(rng, shapes, views, dim), w_in


def test_scores_of_a_hand_made_example() -> None:
    queries = np.array([[1.0, 0.0]], np.float32)
    tokens = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.6, 0.8], [0.6, 0.8]]], np.float32)
    w_in = np.array([[np.log(3.0), 0.0], [0.0, 0.0]], np.float32)
    # logits of shape 0: ln 3 and 0, weights 3/4 and 1/4, cosines 1 and 0; shape 1: cosine .6 twice
    np.testing.assert_allclose(attention_scores(queries, tokens, w_in), [[0.75, 0.6]], rtol=1e-6)


@given(seed=st.integers(0, 999), queries=st.integers(0, 9), shapes=st.integers(0, 11),
       views=st.integers(1, 5), query_block=st.integers(1, 10), shape_block=st.integers(1, 12))
def test_any_blocks_equal_the_slow_twin(
    seed: int, queries: int, shapes: int, views: int, query_block: int, shape_block: int
) -> None:
    arrays = problem(seed, queries, shapes, views, 6)
    got = attention_scores(*arrays, query_block, shape_block)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, slow_scores(*arrays), atol=2e-6)


@pytest.mark.parametrize("gain", [1e-3, 40.0, 3e3])
def test_logits_of_any_size_are_safe(gain: float) -> None:
    arrays = problem(1, 7, 9, 4, 8, gain)
    np.testing.assert_allclose(attention_scores(*arrays), slow_scores(*arrays), atol=2e-4)


def test_half_precision_memory_map_is_read_in_blocks(tmp_path: Path) -> None:
    queries, tokens, w_in = problem(2, 5, 23, 3, 8)
    np.save(tmp_path / "tokens.npy", tokens.astype(np.float16))
    mapped = np.load(tmp_path / "tokens.npy", mmap_mode="r")
    expected = slow_scores(queries, tokens.astype(np.float16).astype(np.float32), w_in)
    np.testing.assert_allclose(attention_scores(queries, mapped, w_in, 2, 5), expected, atol=2e-6)


def test_not_finite_embeddings_are_named() -> None:
    queries, tokens, w_in = problem(3, 4, 9, 2, 6)
    bad = tokens.copy()
    bad[7, 1, 2] = np.nan
    with pytest.raises(ValueError, match="embedding of shape 7 .*not finite"):
        attention_scores(queries, bad, w_in, shape_block=4)
    queries[2, 0] = np.inf
    with pytest.raises(ValueError, match="embedding of query 2 .*not finite"):
        attention_scores(queries, tokens, w_in)


def test_arrays_that_do_not_fit_are_refused() -> None:
    queries, tokens, w_in = problem(4, 2, 3, 2, 6)
    with pytest.raises(ValueError, match=r"expected \(S, V, 6\)"):
        attention_scores(queries, tokens[..., :5], w_in)
    with pytest.raises(ValueError, match=r"must be \(Q, D\) and \(D, D\)"):
        attention_scores(queries, tokens, w_in[:5])
    with pytest.raises(ValueError, match="k must be at least 1"):
        top_k(queries, tokens, w_in, 0)


@given(seed=st.integers(0, 999), queries=st.integers(0, 6), shapes=st.integers(0, 30),
       k=st.integers(1, 35), shape_block=st.integers(1, 31))
def test_top_k_equals_sorting_all_scores(
    seed: int, queries: int, shapes: int, k: int, shape_block: int
) -> None:
    arrays = problem(seed, queries, shapes, 3, 6)
    scores, indices = top_k(*arrays, k, query_block=2, shape_block=shape_block)
    all_scores = slow_scores(*arrays)
    assert scores.shape == indices.shape == (queries, min(k, shapes))
    np.testing.assert_array_equal(indices, slow_top_k(all_scores, k))
    np.testing.assert_allclose(scores, np.take_along_axis(all_scores, indices, 1), atol=2e-6)


@given(scores=st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, -np.inf]), min_size=9, max_size=9),
                       min_size=1, max_size=4), k=st.integers(1, 10))
def test_ties_go_to_the_lower_index(scores: list[list[float]], k: int) -> None:
    values = np.array(scores, np.float32)
    np.testing.assert_array_equal(rank_scores(values, k)[1], slow_top_k(values, k))


def test_ties_across_blocks_go_to_the_lower_index() -> None:
    queries, tokens, w_in = problem(5, 3, 1, 2, 6)
    twins = np.repeat(tokens, 20, axis=0)
    for block in (1, 3, 7, 20):
        indices = top_k(queries, twins, w_in, 5, shape_block=block)[1]
        np.testing.assert_array_equal(indices, np.tile(np.arange(5), (3, 1)))


@given(seed=st.integers(0, 999))
def test_permuting_the_gallery_changes_nothing(seed: int) -> None:
    queries, tokens, w_in = problem(seed, 4, 17, 3, 6)
    order = np.random.default_rng(seed).permutation(17)
    scores, indices = top_k(queries, tokens, w_in, 5, shape_block=4)
    shuffled_scores, shuffled = top_k(queries, tokens[order], w_in, 5, shape_block=4)
    np.testing.assert_array_equal(order[shuffled], indices)
    np.testing.assert_allclose(shuffled_scores, scores, atol=1e-6)


def test_memory_is_bounded_by_blocks_not_by_the_gallery(tmp_path: Path) -> None:
    shapes, views, dim, queries = 20_000, 12, 32, 1_000
    rng = np.random.default_rng(0)
    tokens = np.lib.format.open_memmap(tmp_path / "t.npy", "w+", np.float16, (shapes, views, dim))
    for start in range(0, shapes, 1000):
        tokens[start : start + 1000] = unit(rng, 1000, views, dim)
    w_in = np.eye(dim, dtype=np.float32)
    asked = unit(rng, queries, dim)
    tracemalloc.start()
    scores, indices = top_k(asked, tokens, w_in, 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 * 2**20  # all scores would be 76 MiB, all tokens in float32 29 MiB
    part = [0, 499, 999]
    expected = rank_scores(attention_scores(asked[part], tokens, w_in), 10)
    np.testing.assert_array_equal(indices[part], expected[1])
    np.testing.assert_allclose(scores[part], expected[0], atol=1e-6)


@given(seed=st.integers(0, 999), shapes=st.integers(0, 40), k=st.integers(1, 12),
       first=st.integers(1, 60), gain=st.sampled_from([0.1, 3.0, 30.0]))
def test_walking_the_bound_equals_brute_force(
    seed: int, shapes: int, k: int, first: int, gain: float
) -> None:
    arrays = problem(seed, 3, shapes, 3, 5, gain)
    scores, indices = exact_top_k_by_bound(*arrays, k, first=first)
    expected_scores, expected = top_k(*arrays, k)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)


def test_walking_the_bound_stops_early() -> None:
    rng = np.random.default_rng(0)
    centres = unit(rng, 400, 1, 16)
    tokens = np.repeat(centres, 4, axis=1)  # one token, four times: the bound is the score
    tokens[200:] = tokens[:200]  # every shape twice
    queries = tokens[:5, 0]
    asked = []
    scan = TokenScan(tokens)

    def search(part: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        asked.append(n)
        return scan(part, n)

    indices = exact_top_k_by_bound(queries, tokens, np.eye(16), 3, search)[1]
    np.testing.assert_array_equal(np.sort(indices[:, :2]), [[i, i + 200] for i in range(5)])
    np.testing.assert_array_equal(indices[:, 2] % 200,
                                  top_k(queries, tokens, np.eye(16), 3)[1][:, 2] % 200)
    assert max(asked) < tokens.shape[0]


def test_convex_weights_bound_the_score() -> None:
    queries, tokens, w_in = problem(6, 8, 30, 5, 7)
    scores = AttentionScorer(queries, w_in).score(tokens)
    assert (scores <= np.einsum("qd,svd->qsv", queries, tokens).max(2) + 1e-6).all()
