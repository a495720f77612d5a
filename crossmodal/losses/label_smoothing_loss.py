"""Label smoothing: cross-entropy that never asks for certainty."""
from __future__ import annotations

from crossmodal.losses.log_softmax import log_softmax
from crossmodal.runtime import jt


def label_smoothing_loss(logits: jt.Var, labels: jt.Var, epsilon: float = 0.1,
                         classes: int = 0) -> jt.Var:
    """``mean_i -sum_c y_ic log softmax(z_i)_c`` with ``y = (1 - epsilon) onehot + epsilon / C``.

    C is the number of columns, so epsilon is spread over every class, the right one included
    (Szegedy et al., CVPR 2016, section 7). ``epsilon`` 0 is plain cross-entropy.

    Parameters
    ----------
    logits : (B, C) float32, z
    labels : (B,) int in [0, C)
    epsilon : share of the target that is spread evenly
    classes : C; 0 for the number of columns. With another one, as the released code's 31, the
        target's sum is not 1

    Returns
    -------
    scalar
    """
    columns = logits.shape[1]
    hot = (labels.unsqueeze(1) == jt.arange(columns).unsqueeze(0)).float32()
    target = (1.0 - epsilon) * hot + epsilon / (classes or columns)
    return -(target * log_softmax(logits)).sum(1).mean()
