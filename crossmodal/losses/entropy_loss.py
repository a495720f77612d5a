"""Entropy minimisation (ENT): unlabelled items should be classified with certainty."""
from __future__ import annotations

from crossmodal.runtime import jt

SMALLEST = 1e-12  # below it a probability counts as zero: p log p and its gradient stay finite


def row_entropy(probabilities: jt.Var) -> jt.Var:
    """(N, C) rows of probabilities -> (N,) ``H = -sum_c p_c log p_c`` in nats, ``0 log 0 = 0``."""
    logarithm = jt.log(jt.maximum(probabilities, SMALLEST))
    return -(probabilities * logarithm).sum(1)


def entropy_loss(probabilities: jt.Var) -> jt.Var:
    """``mean_i -sum_c p_ic log p_ic`` (Grandvalet and Bengio, NIPS 2004).

    In nats, from 0 (every row certain) to ``log C``; it is not divided by ``log C``.

    Parameters
    ----------
    probabilities : (B, C) float32, softmax of the target items

    Returns
    -------
    scalar
    """
    return row_entropy(probabilities).mean()
