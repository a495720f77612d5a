"""The four losses as their formulas read: loops over images and shapes, in double precision."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log

import numpy as np


def instance_twin(scores: np.ndarray, same: np.ndarray, tau: float = 0.1) -> float:
    """``mean_i -log( sum_j E_ij Inst_ij / sum_j E_ij )``"""
    losses = []
    for i in range(len(scores)):
        own = everything = 0.0
        for j in range(scores.shape[1]):
            e = exp(scores[i, j] / tau)
            everything += e
            own += e if same[i, j] else 0.0
        losses.append(-log(own / everything))
    return sum(losses) / len(losses)


def category_twin(scores: np.ndarray, same: np.ndarray, tau: float = 0.1) -> float:
    """``mean_i -(1/|P_i|) sum_{j in P_i} log( E_ij / sum_j' E_ij' )``"""
    if same.all():
        return 0.0
    losses = []
    for i in range(len(scores)):
        everything = sum(exp(scores[i, j] / tau) for j in range(scores.shape[1]))
        logs = [log(exp(scores[i, j] / tau) / everything)
                for j in range(scores.shape[1]) if same[i, j]]
        if logs:
            losses.append(-sum(logs) / len(logs))
    return sum(losses) / len(losses)


def consistency_twin(plain: np.ndarray, mixed: np.ndarray, t: float = 0.1) -> float:
    """``1/2 mean_i [ KL(P_i || Q_i) + KL(Q_i || P_i) ]``"""
    count = len(plain)
    p, q = np.zeros((count, count)), np.zeros((count, count))
    for i in range(count):
        for j in range(count):
            p[i, j] = exp(plain[i] @ mixed[j] / t)
            q[i, j] = exp(mixed[i] @ plain[j] / t)
        p[i] /= p[i].sum()
        q[i] /= q[i].sum()
    total = 0.0
    for i in range(count):
        for j in range(count):
            total += p[i, j] * log(p[i, j] / q[i, j]) + q[i, j] * log(q[i, j] / p[i, j])
    return 0.5 * total / count


def released_consistency_twin(plain: np.ndarray, mixed: np.ndarray) -> float:
    """Entry (i, j) divided by the sum of row j; no temperature, and a sum, not a mean."""
    count = len(plain)
    e = [[exp(plain[i] @ mixed[j]) for j in range(count)] for i in range(count)]
    total = 0.0
    for i in range(count):
        for j in range(count):
            p = e[i][j] / sum(e[j][k] for k in range(count))
            q = e[j][i] / sum(e[k][j] for k in range(count))  # row j of the transposed matrix
            total += p * log(p / (q + 1e-8)) + q * log(q / (p + 1e-8))
    return 0.5 * total


def contrast_twin(first: np.ndarray, second: np.ndarray, first_label: np.ndarray,
                  second_label: np.ndarray, t: float = 0.5) -> float:
    """``mean_i -(1/|P(i)|) sum_{p in P(i)} log( exp(z_i.z_p/t) / sum_{k != i} exp(z_i.z_k/t) )``"""
    rows = np.concatenate([first, second])
    labels = [*first_label, *second_label]
    losses = []
    for i in range(len(rows)):
        everything = sum(exp(rows[i] @ rows[k] / t) for k in range(len(rows)) if k != i)
        logs = [log(exp(rows[i] @ rows[p] / t) / everything)
                for p in range(len(rows)) if p != i and labels[p] == labels[i]]
        if logs:
            losses.append(-sum(logs) / len(logs))
    return sum(losses) / len(losses) if losses else 0.0


def central_differences(function: Callable[[np.ndarray], float], at: np.ndarray,
                        step: float = 1e-5) -> np.ndarray:
    """Gradient of a scalar function, entry by entry, in double precision."""
    at = at.astype(np.float64)
    gradient = np.zeros_like(at)
    for place in np.ndindex(*at.shape):
        up, down = at.copy(), at.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (function(up) - function(down)) / (2 * step)
    return gradient
