"""The best k shapes of every query, without ever holding all scores.

Order is by falling score; of equal scores the lower gallery index comes first. (Equal after
rounding: the same shape at two places of a block may differ in the last bit.)
"""

from __future__ import annotations

import numpy as np

from crossmodal.retrieval.scoring import (
    QUERY_BLOCK,
    SHAPE_BLOCK,
    AttentionScorer,
    check_tokens,
    token_blocks,
)


def top_k(
    queries: np.ndarray,
    tokens: np.ndarray,
    w_in: np.ndarray,
    k: int,
    query_block: int = QUERY_BLOCK,
    shape_block: int = SHAPE_BLOCK,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (Q, k) float32 and gallery indices (Q, k) int64 of each query's best shapes.

    Shapes are scored in blocks of `shape_block` and forgotten; memory beyond the input grows with
    Q * (shape_block + k) only. A gallery smaller than k gives all of it, (Q, S). Parameters and
    errors as in :func:`crossmodal.retrieval.scoring.attention_scores`.
    """
    scorer = AttentionScorer(queries, w_in, query_block)
    check_tokens(tokens, scorer.dim)
    best = Best(scorer.count, k)
    for start, block in token_blocks(tokens, shape_block):
        best.offer(scorer.score(block, first=start), start)
    return best.scores, best.indices


def rank_scores(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The best k of scores (Q, S) that are already there; same order and form as `top_k`."""
    best = Best(len(scores), k)
    best.offer(scores, 0)
    return best.scores, best.indices


class Best:
    """The best k of the columns seen so far.

    scores : (Q, n) falling, n = min(k, columns seen)
    indices : (Q, n) int64
    """

    def __init__(self, rows: int, k: int) -> None:
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        self.k = k
        self.scores = np.empty((rows, 0), np.float32)
        self.indices = np.empty((rows, 0), np.int64)

    def offer(self, scores: np.ndarray, start: int) -> None:
        """Take the new columns (Q, b), numbered from `start`, that belong among the best.

        Columns must come in rising order: then an equal, later score never displaces an earlier.
        """
        if np.isnan(scores).any():
            raise ValueError("a score is not a number: the embeddings are damaged")
        rows, columns = np.nonzero(self._promising(scores))
        kept = np.repeat(np.arange(len(scores)), self.scores.shape[1])
        self._keep_best(
            np.concatenate([kept, rows]),
            np.concatenate([self.scores.ravel(), scores[rows, columns]]),
            np.concatenate([self.indices.ravel(), columns + start]),
            min(self.k, self.scores.shape[1] + scores.shape[1]),
        )

    def _promising(self, scores: np.ndarray) -> np.ndarray:
        """(Q, b) bool: a superset of what can be among the best k."""
        if self.scores.shape[1] == self.k:
            return scores > self.scores[:, -1:]
        if scores.shape[1] <= self.k:
            return np.ones(scores.shape, bool)
        least = np.partition(scores, -self.k, axis=1)[:, -self.k, None]
        return scores >= least

    def _keep_best(
        self, rows: np.ndarray, scores: np.ndarray, indices: np.ndarray, size: int
    ) -> None:
        """Sort candidates, given with the row they belong to, and keep `size` of each row."""
        order = np.lexsort((indices, -scores, rows))
        counts = np.bincount(rows, minlength=len(self.scores))
        first = np.cumsum(counts) - counts
        taken = order[first[:, None] + np.arange(size)]
        self.scores = scores[taken].astype(np.float32)
        self.indices = indices[taken]
