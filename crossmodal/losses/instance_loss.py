"""Instance loss: an image's score for its own shape against every shape of the batch."""
from __future__ import annotations

from crossmodal.losses.log_softmax import log_softmax, log_sum_exp
from crossmodal.runtime import jt


def instance_loss(scores: jt.Var, same_instance: jt.Var, tau: float = 0.1) -> jt.Var:
    """``mean_i -log( sum_j E_ij Inst_ij / sum_j E_ij )``, ``E = exp(scores / tau)`` (CMIC, eq. 4).

    Parameters
    ----------
    scores : (B, S) float32, images by shapes
    same_instance : (B, S) bool, at least one True in every row
    tau : temperature

    Returns
    -------
    scalar
    """
    log_probability = log_softmax(scores / tau)
    hidden = jt.ternary(same_instance, log_probability, jt.full_like(log_probability, -1e30))
    return -log_sum_exp(hidden).mean()
