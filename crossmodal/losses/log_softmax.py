"""Numerically safe row-wise log-sum-exp and log-softmax, shared by the losses."""
from __future__ import annotations

from crossmodal.runtime import jt


def log_sum_exp(logits: jt.Var) -> jt.Var:
    """(N, M) -> (N,) ``log sum_j exp(logits_ij)``; entries of -1e30 count as absent."""
    top = logits.max(1, keepdims=True).detach()
    return jt.log(jt.exp(logits - top).sum(1)) + top.squeeze(1)


def log_softmax(logits: jt.Var) -> jt.Var:
    """(N, M) -> (N, M) logarithm of the softmax of each row."""
    return logits - log_sum_exp(logits).unsqueeze(1)
