"""The floor: retrieval by nearest class centroids of features that were never trained for it."""
from __future__ import annotations

import numpy as np


def class_centroids(features: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """(C, F) float32 rows of length one: mean of a class's normalised features.

    features : (N, F), labels : (N,) in 0..C-1. Raises ValueError for a class without features.
    """
    rows = unit_rows(features)
    missing = sorted(set(range(classes)) - set(np.unique(labels).tolist()))
    if missing:
        raise ValueError(f"no features of class {missing[0]}: its centroid is not defined")
    return unit_rows(np.stack([rows[labels == label].mean(0) for label in range(classes)]))


def nearest_centroid(features: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """(N,) int64, the class whose centroid has the largest cosine; of equal ones the first."""
    return (unit_rows(features) @ centroids.T).argmax(1)


def unit_rows(features: np.ndarray) -> np.ndarray:
    """(N, F) float32 rows of length one; zero rows stay zero."""
    features = np.asarray(features, np.float32)
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(length > 0, length, 1)
