"""Fine-grained consistency: plain and style-mixed queries must agree on who resembles whom."""
from __future__ import annotations

from crossmodal.losses.log_softmax import log_softmax
from crossmodal.runtime import jt


def consistency_loss(plain: jt.Var, mixed: jt.Var, temperature: float = 0.1,
                     axis: str = "rows") -> jt.Var:
    """``1/2 mean_i [ KL(P_i || Q_i) + KL(Q_i || P_i) ]``, the CO2 idea ("consistent contrast").

    ``P = softmax_rows(F_s F_st^T / t)``, ``Q = softmax_rows(F_st F_s^T / t)``. Differentiable in
    both embeddings.

    Parameters
    ----------
    plain, mixed : (B, D) float32 rows of length one, F_s and F_st
    temperature : t
    axis : what sums to 1 in P and Q, "rows" or, as in the released code, "columns". The loss is the
        same: Q is taken of the transposed similarities, so the columns' P is the rows' Q transposed
        and the other way round, and both directions are added up.

    Returns
    -------
    scalar
    """
    similarity = jt.matmul(plain, mixed.transpose(1, 0)) / temperature
    log_p = log_softmax(similarity, axis)
    log_q = log_softmax(similarity.transpose(1, 0), axis)
    return 0.5 * ((jt.exp(log_p) - jt.exp(log_q)) * (log_p - log_q)).sum(1).mean()
