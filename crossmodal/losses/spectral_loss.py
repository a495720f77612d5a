"""Losses on the singular values of a batch's softmax matrix: certain and diverse predictions.

A (B, C) matrix of probabilities has large singular values where its rows are certain, and many of
them where the rows spread over many classes. Neither loss is below ``-sqrt(B / min(B, C))``.
"""
from __future__ import annotations

import numpy as np

from crossmodal.runtime import jt

FLOAT32_EPS = float(np.finfo(np.float32).eps)


def nuclear_norm_loss(probabilities: jt.Var) -> jt.Var:
    """Batch nuclear-norm maximisation, BNM: ``-||P||_* / min(B, C)``.

    That is minus the mean singular value. Source: Cui et al., "Towards Discriminability and
    Diversity: Batch Nuclear-norm Maximization under Label Insufficient Situations", CVPR 2020; the
    divisor is that of the authors' code.

    Parameters
    ----------
    probabilities : (B, C) float32, softmax of the target items

    Returns
    -------
    scalar
    """
    return -nuclear_norm(probabilities) / min(probabilities.shape)


def frobenius_norm_loss(probabilities: jt.Var) -> jt.Var:
    """Batch Frobenius-norm maximisation, BFM: ``-||P||_F / sqrt(min(B, C))``.

    That is minus the root mean square of the singular values where BNM takes their mean (defined so
    in the code of Cui et al., CVPR 2020); never above BNM, and equal to it where all are equal.

    Parameters
    ----------
    probabilities : (B, C) float32, softmax of the target items

    Returns
    -------
    scalar
    """
    mean_square = (probabilities * probabilities).sum() / min(probabilities.shape)
    return -jt.sqrt(jt.maximum(mean_square, 1e-24))


def nuclear_norm(matrix: jt.Var) -> jt.Var:
    """Sum of the singular values of a (B, C) matrix, differentiable: ``||P||_* = <U_r V_r^T, P>``.

    ``P = U S V^T``, r its rank. ``U_r V_r^T`` is the subgradient of least norm (Watson, 1992), the
    gradient where r = min(B, C); nothing is divided by (differences of) singular values, so zero
    and repeated ones are no exception. The factor is computed by the host in double precision and
    held constant: one small copy from the device a call.
    """
    factor = jt.array(orthogonal_factor(matrix.numpy())).stop_grad()
    return (factor * matrix).sum()


def orthogonal_factor(matrix: np.ndarray) -> np.ndarray:
    """(B, C) -> (B, C) float32 ``U_r V_r^T``; NaN throughout where ``matrix`` is not finite.

    Singular values below ``s_max max(B, C) eps`` of float32 are rounding and count as zero.
    """
    if not np.isfinite(matrix).all():  # the loss becomes NaN, which the training loop reports
        return np.full(matrix.shape, np.nan, np.float32)
    left, values, right = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    smallest = values[0] * max(matrix.shape) * FLOAT32_EPS
    kept = values > smallest
    return (left[:, kept] @ right[kept]).astype(np.float32)
