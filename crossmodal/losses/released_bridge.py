"""L_fgc and L_clc as the released instance-level code has them: reported, and not learnt from.

The released code makes both of numbers read back from the device, so they have no gradient.
"""
from __future__ import annotations

from crossmodal.losses.contrast_loss import contrast_loss
from crossmodal.models.layers import l2_normalise
from crossmodal.runtime import jt

EPS = 1e-8


def crossed_softmax(similarity: jt.Var) -> jt.Var:
    """``p[i, j] = exp(x[i, j]) / sum_k exp(x[j, k])``: divided by the sum of row j, not of row i.

    It sums to 1 over no axis. similarity : (B, B); result the same
    """
    numbers = jt.exp(similarity)
    return numbers / numbers.sum(1).unsqueeze(0)


def released_consistency_loss(plain: jt.Var, mixed: jt.Var) -> jt.Var:
    """``1/2 sum p log(p / (q + 1e-8)) + 1/2 sum q log(q / (p + 1e-8))``, summed over all pairs.

    p is the `crossed_softmax` of the products plain . mixed, q of their transpose; no temperature.

    plain, mixed : (B, D) float32 rows of length one. Returns a scalar without a gradient.
    """
    similarity = jt.matmul(plain, mixed.transpose(1, 0))
    p, q = crossed_softmax(similarity), crossed_softmax(similarity.transpose(1, 0))
    both = p * jt.log(p / (q + EPS)) + q * jt.log(q / (p + EPS))
    return (0.5 * both.sum()).detach()


def released_contrast_loss(mixed: jt.Var, tokens: jt.Var, temperature: float = 0.5) -> jt.Var:
    """NT-Xent between query i and slot i, whatever shape they show: repeats were removed before.

    A slot is the elementwise maximum over its tokens; similarities are cosines.

    mixed : (B, D) style-mixed queries; tokens : (B, V, D). Returns a scalar without a gradient.
    """
    slots = l2_normalise(tokens.max(1))
    return contrast_loss(l2_normalise(mixed), slots, jt.arange(mixed.shape[0]),
                         jt.arange(slots.shape[0]), temperature).detach()
