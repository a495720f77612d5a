"""Scores of many queries against many shapes with view attention, in blocks of bounded memory.

The score of query q for a shape with tokens k_v is ``sum_v softmax_v(W q . k_v)_v (q . k_v)``
(CMIC, section 3.2). The products of ``[W q; q]`` with one view of many shapes are one matrix
product; no query is ever copied for a shape. The differentiable form is in crossmodal.models.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

QUERY_BLOCK = 256
SHAPE_BLOCK = 512  # with QUERY_BLOCK: working memory that stays in a core's cache
SAFE_EXPONENT = 60.0  # exp of +-60 is far from float32's limits, so needs no shift


def attention_scores(
    queries: np.ndarray,
    tokens: np.ndarray,
    w_in: np.ndarray,
    query_block: int = QUERY_BLOCK,
    shape_block: int = SHAPE_BLOCK,
) -> np.ndarray:
    """(Q, S) float32 scores of every query for every shape.

    Parameters
    ----------
    queries : (Q, D), L2-normalised
    tokens : (S, V, D) float32 or float16, in memory or mapped; read one block at a time
    w_in : (D, D), the attention's W: ``q' = q @ w_in.T``
    query_block, shape_block : working memory is about 4 * query_block * shape_block floats

    Raises
    ------
    ValueError : shapes that do not fit together, or values that are not finite.
    """
    scorer = AttentionScorer(queries, w_in, query_block)
    check_tokens(tokens, scorer.dim)
    scores = np.empty((scorer.count, len(tokens)), np.float32)
    for start, block in token_blocks(tokens, shape_block):
        scorer.score(block, scores[:, start : start + len(block)], start)
    return scores


def token_blocks(tokens: np.ndarray, size: int) -> Iterator[tuple[int, np.ndarray]]:
    """(index of the first shape, (b, V, D) float32 tokens) for blocks of at most `size` shapes."""
    for start in range(0, len(tokens), size):
        yield start, np.asarray(tokens[start : start + size], np.float32)


def check_tokens(tokens: np.ndarray, dim: int) -> None:
    """Raise ValueError unless tokens are (S, V >= 1, dim)."""
    if tokens.ndim != 3 or tokens.shape[1] < 1 or tokens.shape[2] != dim:
        raise ValueError(
            f"tokens {tokens.shape} do not fit queries of length {dim}: expected (S, V, {dim}); "
            "make the gallery with the model that embeds the queries"
        )


class AttentionScorer:
    """A set of queries, ready to be scored against any number of blocks of shapes.

    Parameters
    ----------
    queries : (Q, D)
    w_in : (D, D)
    query_block : queries at a time
    """

    def __init__(
        self, queries: np.ndarray, w_in: np.ndarray, query_block: int = QUERY_BLOCK
    ) -> None:
        queries = np.asarray(queries, np.float32)
        w_in = np.asarray(w_in, np.float32)
        if queries.ndim != 2 or w_in.shape != (queries.shape[1], queries.shape[1]):
            raise ValueError(
                f"queries {queries.shape} and w_in {w_in.shape} must be (Q, D) and (D, D)"
            )
        projected = queries @ w_in.T
        _check_rows(np.isfinite(projected).all(1) & np.isfinite(queries).all(1), "query", 0)
        self.count, self.dim = queries.shape
        self._longest = float(np.linalg.norm(projected, axis=1).max(initial=0.0))
        self._pairs = [
            np.concatenate([projected[i : i + query_block], queries[i : i + query_block]])
            for i in range(0, self.count, query_block)
        ]
        self._memory = np.empty(0, np.float32)

    def score(
        self, tokens: np.ndarray, out: np.ndarray | None = None, first: int = 0
    ) -> np.ndarray:
        """(Q, b) float32 scores of all queries for (b, V, D) float32 tokens.

        out : (Q, b) float32 to write to.
        first : number of the block's first shape, for the message about one that is not finite.
        """
        lengths = np.einsum("svd,svd->sv", tokens, tokens).max(1)
        _check_rows(np.isfinite(lengths), "shape", first)
        if out is None:
            out = np.empty((self.count, len(tokens)), np.float32)
        largest = self._longest * float(lengths.max(initial=0.0)) ** 0.5
        row = 0
        for pair in self._pairs:
            rows = len(pair) // 2
            self._score_pair(pair, tokens, largest, out[row : row + rows])
            row += rows
        return out

    def _score_pair(
        self, pair: np.ndarray, tokens: np.ndarray, largest: float, out: np.ndarray
    ) -> None:
        """Scores of the queries in `pair` (2n, D), the projected rows above the plain ones."""
        rows, shapes = len(pair) // 2, len(tokens)
        products, total, weight_sum = self._workspace(rows, shapes)
        weights, cosines = products[:rows], products[rows:]
        shift = None if largest <= SAFE_EXPONENT else _largest_logit(pair[:rows], tokens)
        for view in range(tokens.shape[1]):
            np.matmul(pair, tokens[:, view].T, out=products)
            if shift is not None:
                weights -= shift
            np.exp(weights, out=weights)
            weight_sum += weights
            cosines *= weights
            total += cosines
        np.divide(total, weight_sum, out=out)

    def _workspace(self, rows: int, shapes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(2 * rows, shapes) of anything and twice (rows, shapes) of zeros, the same memory."""
        size = rows * shapes
        if self._memory.size < 4 * size:
            self._memory = np.empty(4 * size, np.float32)
        sums = self._memory[2 * size : 4 * size].reshape(2, rows, shapes)
        sums[:] = 0
        return self._memory[: 2 * size].reshape(2 * rows, shapes), sums[0], sums[1]


def _largest_logit(projected: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """(n, b) ``max_v q' . k_v``, what a softmax must be shifted by where exp could overflow."""
    largest = projected @ tokens[:, 0].T
    for view in range(1, tokens.shape[1]):
        np.maximum(largest, projected @ tokens[:, view].T, out=largest)
    return largest


def _check_rows(finite: np.ndarray, what: str, first: int) -> None:
    if not finite.all():
        bad = first + int(np.argmin(finite))
        raise ValueError(
            f"the embedding of {what} {bad} (of {int((~finite).sum())} such) is not finite: "
            "the model diverged or its weights are damaged; use another checkpoint"
        )
