"""Scoring 200 queries against 783 shapes x 12 tokens x 128, against the released loop.

The released test takes one query at a time, repeats it once per shape, runs the attention as a
batch of S tiny products, and compares. Written here anew, in Jittor as it was, and in NumPy.
"""

from __future__ import annotations

import numpy as np

from benchmarks.measure import Measurement, seconds
from crossmodal.retrieval.scoring import attention_scores

QUERIES, SHAPES, VIEWS, DIM = 200, 783, 12, 128
LEAST = 20.0


def main(quick: bool = False) -> list[Measurement]:
    """Seconds of both forms, in NumPy and in Jittor; checks that they agree."""
    queries, tokens, w_in = problem(QUERIES, SHAPES, VIEWS, DIM)
    expected = attention_scores(queries, tokens, w_in)
    ours = seconds(lambda: attention_scores(queries, tokens, w_in))
    found = []
    for name, loop in (("Jittor", released_in_jittor), ("NumPy", released_in_numpy)):
        part = 20 if quick else QUERIES
        scores = loop(queries[:part], tokens, w_in)
        np.testing.assert_allclose(scores, expected[:part], atol=1e-5)
        theirs = seconds(lambda: loop(queries[:part], tokens, w_in), 1 if quick else 3)  # noqa: B023
        found.append(Measurement(f"scoring, released loop in {name}", ours,
                                 theirs * QUERIES / part, LEAST))
    return found


def problem(queries: int, shapes: int, views: int, dim: int):
    """Random unit rows (Q, D) and (S, V, D), and a matrix (D, D)."""
    rng = np.random.default_rng(0)
    w_in = rng.standard_normal((dim, dim)) / dim**0.5
    return unit(rng, queries, dim), unit(rng, shapes, views, dim), w_in.astype(np.float32)


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random float32 rows of length one."""
    rows = rng.standard_normal(shape, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def released_in_jittor(queries: np.ndarray, tokens: np.ndarray, w_in: np.ndarray) -> np.ndarray:
    """(Q, S): a query at a time, copied for every shape, and its scores fetched."""
    from crossmodal.runtime import jt

    context, weight = jt.array(tokens), jt.array(w_in)
    rows = []
    with jt.no_grad():
        for query in jt.array(queries):
            copies = query.reshape(1, 1, -1).repeat(len(tokens), 1, 1)
            asked = jt.matmul(copies, weight.transpose(1, 0))
            weights = jt.nn.softmax(jt.nn.bmm(asked, context.transpose(0, 2, 1)), dim=2)
            shapes = jt.nn.bmm(weights, context)
            rows.append((copies * shapes).sum(2).squeeze(1).numpy())
    return np.stack(rows)


def released_in_numpy(queries: np.ndarray, tokens: np.ndarray, w_in: np.ndarray) -> np.ndarray:
    """The same steps in NumPy."""
    rows = []
    for query in queries:
        copies = np.repeat(query[None, None], len(tokens), axis=0)
        logits = (copies @ w_in.T) @ tokens.transpose(0, 2, 1)
        weights = np.exp(logits - logits.max(2, keepdims=True))
        weights /= weights.sum(2, keepdims=True)
        rows.append((copies * (weights @ tokens)).sum(2)[:, 0])
    return np.stack(rows)
