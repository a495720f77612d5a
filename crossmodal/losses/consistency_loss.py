"""Fine-grained consistency: plain and style-mixed queries must agree on who resembles whom."""
from __future__ import annotations

from crossmodal.losses.log_softmax import log_softmax
from crossmodal.runtime import jt


def consistency_loss(plain: jt.Var, mixed: jt.Var, temperature: float = 0.1) -> jt.Var:
    """``1/2 mean_i [ KL(P_i || Q_i) + KL(Q_i || P_i) ]``, the CO2 idea ("consistent contrast").

    ``P = softmax_rows(F_s F_st^T / t)``, ``Q = softmax_rows(F_st F_s^T / t)``. Differentiable in
    both embeddings.

    Parameters
    ----------
    plain, mixed : (B, D) float32 rows of length one, F_s and F_st
    temperature : t

    Returns
    -------
    scalar
    """
    similarity = jt.matmul(plain, mixed.transpose(1, 0)) / temperature
    log_p = log_softmax(similarity)
    log_q = log_softmax(similarity.transpose(1, 0))
    return 0.5 * ((jt.exp(log_p) - jt.exp(log_q)) * (log_p - log_q)).sum(1).mean()
