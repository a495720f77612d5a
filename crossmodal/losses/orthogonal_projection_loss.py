"""Orthogonal projection loss: one class, one direction; two classes, a right angle."""
from __future__ import annotations

from crossmodal.models.layers import l2_normalise
from crossmodal.runtime import jt


def orthogonal_projection_loss(features: jt.Var, labels: jt.Var, gamma: float = 0.5) -> jt.Var:
    """``(1 - s) + gamma |d|`` (Ranasinghe et al., "Orthogonal Projection Loss", ICCV 2021).

    With rows scaled to length one, s is the mean cosine of all pairs ``i != j`` of one class, d the
    mean cosine of all pairs of two classes. A term without any pair is zero.

    Parameters
    ----------
    features : (B, F) float32, of any length
    labels : (B,) int
    gamma : weight of the pairs of two classes

    Returns
    -------
    scalar
    """
    rows = l2_normalise(features)
    cosine = jt.matmul(rows, rows.transpose(1, 0))
    same = (labels.unsqueeze(1) == labels.unsqueeze(0)).float32()
    other = 1.0 - same
    partners = same * (1.0 - jt.init.eye((rows.shape[0], rows.shape[0]), "float32"))
    any_partner = (partners.max() > 0).float32()
    within, between = _mean_where(cosine, partners), _mean_where(cosine, other)
    sign = ((between > 0).float32() - (between < 0).float32()).detach()
    return (1.0 - within) * any_partner + gamma * sign * between


def _mean_where(values: jt.Var, mask: jt.Var) -> jt.Var:
    """Mean of ``values`` where ``mask`` is 1; zero where it is nowhere."""
    return (values * mask).sum() / jt.maximum(mask.sum(), 1.0)
