"""View attention: every query weighs a shape's views by itself before it is compared with it."""
from __future__ import annotations

from crossmodal.runtime import jt

nn = jt.nn


class ViewAttention(nn.Module):
    """General attention over a shape's tokens (Luong et al., EMNLP 2015, "general" score).

    ``linear_out`` is part of the released checkpoints and takes no part in the score.
    """

    def __init__(self, dim: int) -> None:
        self.linear_in = nn.Linear(dim, dim, bias=False)
        self.linear_out = nn.Linear(2 * dim, dim, bias=False)
        self.linear_out.weight.stop_grad()

    def execute(self, queries: jt.Var, tokens: jt.Var) -> jt.Var:
        """Scores (Q, S) of queries (Q, D) against shapes' tokens (S, V, D)."""
        return attention_scores(queries, tokens, self.linear_in.weight)


def attention_scores(queries: jt.Var, tokens: jt.Var, w_in: jt.Var) -> jt.Var:
    """``s_ij = sum_v softmax_v(W_in q_i . k_jv) (q_i . k_jv)`` for every query and shape.

    Parameters
    ----------
    queries : (Q, D) float32, rows of length one
    tokens : (S, V, D) float32, rows of length one
    w_in : (D, D) float32

    Returns
    -------
    (Q, S) float32
    """
    shapes, views, dim = tokens.shape
    keys = tokens.reshape(shapes * views, dim).transpose(1, 0)
    cosine = jt.matmul(queries, keys).reshape(-1, shapes, views)
    logits = jt.matmul(jt.matmul(queries, w_in.transpose(1, 0)), keys).reshape(-1, shapes, views)
    weights = nn.softmax(logits, dim=2)
    return (weights * cosine).sum(2)
