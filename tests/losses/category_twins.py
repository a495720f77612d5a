"""The losses of the category level as their formulas read: loops, in double precision."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np


def label_smoothing_twin(logits: np.ndarray, labels: np.ndarray, epsilon: float = 0.1) -> float:
    """``mean_i -sum_c y_ic log softmax(z_i)_c``, ``y = (1 - epsilon) onehot + epsilon / C``"""
    total, (rows, classes) = 0.0, logits.shape
    for i in range(rows):
        everything = log(sum(exp(z) for z in logits[i]))
        for c in range(classes):
            wanted = epsilon / classes + (1 - epsilon if labels[i] == c else 0)
            total -= wanted * (logits[i, c] - everything)
    return total / rows


def entropy_twin(probabilities: np.ndarray) -> float:
    """``mean_i -sum_c p log p``, ``0 log 0 = 0``"""
    return -sum(p * log(p) for p in probabilities.ravel() if p > 0) / len(probabilities)


def nuclear_twin(probabilities: np.ndarray) -> float:
    """Minus the mean of the roots of the eigenvalues of the smaller Gram matrix."""
    rows, columns = probabilities.shape
    gram = probabilities @ probabilities.T if rows < columns else probabilities.T @ probabilities
    return -sum(sqrt(max(value, 0)) for value in np.linalg.eigvalsh(gram)) / min(rows, columns)


def frobenius_twin(probabilities: np.ndarray) -> float:
    """``-sqrt(sum of squares / min(B, C))``"""
    return -sqrt(sum(p * p for p in probabilities.ravel()) / min(probabilities.shape))


def domain_twin(source_logits: np.ndarray, target_logits: np.ndarray, source_weight: np.ndarray,
                target_weight: np.ndarray) -> float:
    """``1/2 [ sum_i w_i -log sigmoid(s_i) + sum_j v_j -log(1 - sigmoid(t_j)) ]``"""
    total = 0.0
    for logit, weight in zip(source_logits[:, 0], source_weight):
        total -= weight * log(1 / (1 + exp(-logit)))
    for logit, weight in zip(target_logits[:, 0], target_weight):
        total -= weight * log(1 - 1 / (1 + exp(-logit)))
    return total / 2


def entropy_weights_twin(probabilities: np.ndarray) -> np.ndarray:
    """``1 + exp(-H)``, divided by its sum."""
    weights = [1 + exp(sum(p * log(p) for p in row if p > 0)) for row in probabilities]
    return np.array(weights) / sum(weights)


def orthogonal_projection_twin(features: np.ndarray, labels: np.ndarray,
                               gamma: float = 0.5) -> float:
    """``(1 - s) + gamma |d|`` over all pairs ``i != j``"""
    same, other = [], []
    for i, one in enumerate(features):
        for j, two in enumerate(features):
            cosine = one @ two / (np.linalg.norm(one) * np.linalg.norm(two))
            if i != j:
                (same if labels[i] == labels[j] else other).append(cosine)
    within = 1 - sum(same) / len(same) if same else 0.0
    return within + (gamma * abs(sum(other) / len(other)) if other else 0.0)


class CentroidsTwin:
    """Moving class centroids as two dictionaries; ``step`` gives the loss of a batch."""

    def __init__(self, classes: int = 5, decay: float = 0.3) -> None:
        self.classes, self.decay = classes, decay
        self.centroids: dict[str, dict[int, np.ndarray]] = {"source": {}, "target": {}}

    def step(self, source: np.ndarray, target: np.ndarray, source_label: np.ndarray,
             target_label: np.ndarray, target_usable: np.ndarray) -> float:
        self._move("source", source, source_label, np.ones(len(source), bool))
        self._move("target", target, target_label, target_usable)
        total = 0.0
        for k in range(self.classes):
            if all(k in side for side in self.centroids.values()):
                gap = self.centroids["source"][k] - self.centroids["target"][k]
                total += float(gap @ gap)
        return total / (self.classes * source.shape[1])

    def _move(self, side: str, rows: np.ndarray, label: np.ndarray, usable: np.ndarray) -> None:
        kept = self.centroids[side]
        for k in range(self.classes):
            mine = [row for row, c, u in zip(rows, label, usable) if c == k and u]
            if mine:
                mean = sum(mine) / len(mine)
                kept[k] = (1 - self.decay) * kept[k] + self.decay * mean if k in kept else mean
