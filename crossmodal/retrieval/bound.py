"""Exact best k shapes through an inner-product index over single tokens.

The attention's weights are convex, so ``score(q, shape) <= max_v q . k_v``: a shape's best token
bounds its score. Shapes are visited in the order in which their best token appears in the index's
answer, until the k-th exact score is at least the inner product of the last token seen; no shape
whose tokens have not appeared can then be better.

    index = faiss.IndexFlatIP(dim)                       # optional; any exact index will do
    index.add(tokens.reshape(-1, dim))
    scores, indices = exact_top_k_by_bound(queries, tokens, w_in, 10, index.search)
"""

from __future__ import annotations

from typing import Callable

import numpy as np

from crossmodal.retrieval.scoring import (
    QUERY_BLOCK,
    SHAPE_BLOCK,
    AttentionScorer,
    check_tokens,
    token_blocks,
)
from crossmodal.retrieval.top_k import Best

# (Q, D) queries and n -> (Q, n) falling inner products and (Q, n) token numbers (row-major in S, V)
TokenSearch = Callable[[np.ndarray, int], "tuple[np.ndarray, np.ndarray]"]
ROUNDING = 1e-5  # the index and the exact score may round differently


def exact_top_k_by_bound(
    queries: np.ndarray,
    tokens: np.ndarray,
    w_in: np.ndarray,
    k: int,
    search: TokenSearch | None = None,
    first: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (Q, k) float32 and gallery indices (Q, k) int64, as :func:`top_k` gives them.

    Pays where few shapes come near the best; where the attention is flat most are visited.

    Parameters
    ----------
    queries, tokens, w_in, k : as in `top_k`
    search : inner-product search over all tokens; None: exhaustive, in NumPy. With an approximate
        index the result is approximate too.
    first : tokens asked for at first, doubled until it is enough; None: 4 tokens per shape wanted
    """
    queries = np.asarray(queries, np.float32)
    check_tokens(tokens, queries.shape[1])
    search = search or TokenScan(tokens)
    size = min(k, len(tokens))
    scores = np.empty((len(queries), size), np.float32)
    indices = np.empty((len(queries), size), np.int64)
    open_rows = np.arange(len(queries))
    wanted = first or 4 * k
    while len(open_rows) and size:
        wanted = min(wanted, tokens.shape[0] * tokens.shape[1])
        values, found = search(queries[open_rows], wanted)
        done = np.zeros(len(open_rows), bool)
        for i, row in enumerate(open_rows):
            answer = _walk(queries[row], tokens, w_in, k, values[i], found[i])
            if answer is not None:
                scores[row], indices[row] = answer
                done[i] = True
        open_rows = open_rows[~done]
        wanted *= 2
    return scores, indices


def _walk(
    query: np.ndarray,
    tokens: np.ndarray,
    w_in: np.ndarray,
    k: int,
    values: np.ndarray,
    found: np.ndarray,
) -> tuple[np.ndarray, np.ndarray] | None:
    """One query's best k out of the shapes of these tokens, or None if others could be better."""
    shapes, first_seen = np.unique(found // tokens.shape[1], return_index=True)
    order = np.argsort(first_seen)
    shapes, bounds = shapes[order], values[first_seen[order]]
    scorer = AttentionScorer(query[None], w_in)
    exact = np.full(len(shapes), -np.inf, np.float32)
    done, chunk = 0, 4 * k
    while done < len(shapes):
        some = shapes[done : done + chunk]
        exact[done : done + chunk] = scorer.score(np.asarray(tokens[some], np.float32))[0]
        done += len(some)
        if done < len(shapes) and _settled(exact[:done], k, bounds[done]):
            break
    all_seen = len(found) == tokens.shape[0] * tokens.shape[1]
    if done == len(shapes) and not all_seen and not _settled(exact, k, values[-1]):
        return None
    best = np.lexsort((shapes[:done], -exact[:done]))[:k]
    return exact[best], shapes[best]


def _settled(exact: np.ndarray, k: int, bound: float) -> bool:
    """Can no shape below `bound` reach the best k?"""
    return len(exact) >= k and np.partition(exact, -k)[-k] > bound + ROUNDING


class TokenScan:
    """Exhaustive inner-product search over (S, V, D) tokens, with the signature of an index."""

    def __init__(self, tokens: np.ndarray, shape_block: int = SHAPE_BLOCK) -> None:
        self.tokens = tokens
        self.shape_block = shape_block

    def __call__(self, queries: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Falling inner products (Q, n) and token numbers (Q, n)."""
        values, numbers = [], []
        for i in range(0, len(queries), QUERY_BLOCK):
            best = self._scan(queries[i : i + QUERY_BLOCK], n)
            values.append(best.scores)
            numbers.append(best.indices)
        return np.concatenate(values), np.concatenate(numbers)

    def _scan(self, queries: np.ndarray, n: int) -> Best:
        best = Best(len(queries), n)
        for start, block in token_blocks(self.tokens, self.shape_block):
            flat = block.reshape(-1, block.shape[2])
            best.offer(queries @ flat.T, start * block.shape[1])
        return best
