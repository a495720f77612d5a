"""Category loss: an image's scores for the shapes of its category against all of the batch."""
from __future__ import annotations

from crossmodal.losses.log_softmax import log_softmax
from crossmodal.runtime import jt


def category_loss(scores: jt.Var, same_category: jt.Var, tau: float = 0.1) -> jt.Var:
    """``mean_i -(1/|P_i|) sum_{j in P_i} log( E_ij / sum_j' E_ij' )`` (CMIC, eq. 5).

    Zero, with a zero gradient, where every image's category is every shape's: such a batch says
    nothing about categories. Images without a shape of their category are left out of the mean.

    Parameters
    ----------
    scores : (B, S) float32, images by shapes
    same_category : (B, S) bool
    tau : temperature

    Returns
    -------
    scalar
    """
    positive = same_category.float32()
    count = positive.sum(1)
    usable = (count > 0).float32()
    mean_log = (log_softmax(scores / tau) * positive).sum(1) / jt.maximum(count, 1.0)
    loss = -(mean_log * usable).sum() / jt.maximum(usable.sum(), 1.0)
    several = (positive.min() < 0.5).float32()
    return loss * several
