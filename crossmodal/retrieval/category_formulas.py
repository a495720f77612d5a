"""What is right for whom, and the measures of single rankings; see `category_metrics`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Truth:
    """Classes of Q queries and G shapes.

    query_labels (Q,), gallery_labels (G,) : int64; -1 in the gallery: no class
    classes : (C,) labels that queries have, rising; query_class : (Q,) which of them
    sizes : (Q,) N, shapes of the query's class; 0: none
    gallery_classes, largest : number of classes in the gallery, and T, the largest one's size
    """

    query_labels: np.ndarray
    gallery_labels: np.ndarray
    classes: np.ndarray
    query_class: np.ndarray
    sizes: np.ndarray
    gallery_classes: int
    largest: int

    @classmethod
    def of(cls, query_labels: np.ndarray, gallery_labels: np.ndarray, queries: int,
           shapes: int) -> Truth:
        """From the labels of so many queries and shapes; ValueError where they do not fit."""
        query = _labels(query_labels, queries, "query", 0)
        gallery = _labels(gallery_labels, shapes, "gallery", -1)
        classes, query_class = np.unique(query, return_inverse=True)
        there, counts = np.unique(gallery[gallery >= 0], return_counts=True)
        size = dict(zip(there.tolist(), counts.tolist()))
        sizes = np.array([size.get(label, 0) for label in classes.tolist()], np.int64)[query_class]
        return cls(query, gallery, classes, query_class, sizes, len(there),
                   int(counts.max(initial=0)))

    @property
    def queries(self) -> int:
        return len(self.query_labels)

    def relevant(self, rows: slice, order: np.ndarray) -> np.ndarray:
        """(b, G) bool: R of the queries `rows`, whose ranking is `order`."""
        right: np.ndarray = self.gallery_labels[order] == self.query_labels[rows, None]
        return right


def _labels(labels: np.ndarray, count: int, side: str, least: int) -> np.ndarray:
    array = np.asarray(labels)
    if array.shape != (count,):
        raise ValueError(f"{side} labels have shape {array.shape}, there are {count} {side} "
                         f"features: give one label for each, ({count},)")
    whole = array.astype(np.int64) if array.dtype.kind in "iuf" and _finite(array) else None
    if whole is None or (whole != array).any():
        raise ValueError(f"{side} labels must be whole numbers, these are {array.dtype}: "
                         "number the classes from 0")
    if (whole < least).any():
        first = int(np.argmax(whole < least))
        remedy = ("leave out queries without a class" if least == 0 else
                  "use -1 for a shape without class")
        raise ValueError(f"{int((whole < least).sum())} {side} labels are below {least} (first: "
                         f"row {first}, {whole[first]}): number the classes from 0 and {remedy}")
    return whole


def _finite(array: np.ndarray) -> bool:
    return bool(np.isfinite(array).all())


def measure_ranking(
    relevant: np.ndarray, truth: Truth, rows: slice, dropped: int = 0
) -> dict[str, np.ndarray]:
    """name -> (b,) float64 numbers of the queries `rows`; NaN for one without a positive.

    relevant : (b, L) bool R of each, without the `dropped` first shapes
    """
    sizes = truth.sizes[rows]
    n = np.maximum(sizes, 1)  # of queries without a positive nothing is kept
    hits = np.cumsum(relevant, axis=1, dtype=np.int32)
    places = np.arange(1, relevant.shape[1] + 1)
    place_sums = np.cumsum(relevant * places, axis=1)
    gtm = int(truth.sizes.max(initial=1))
    values = {
        "nn": relevant[:, 0].astype(np.float64),
        "ft": _up_to(hits, n) / n,
        "st": _up_to(hits, 2 * n - 1) / n,
        "dcg": _gain(relevant, n, dropped),
        "anmrr": _nmrr(hits, place_sums, n, max(truth.largest, 1)),
        "anmrr_mpeg7": _nmrr_mpeg7(hits, place_sums, n, gtm),
        "map": np.einsum("bk,bk->b", relevant / places, hits) / n,
    }
    return {name: np.where(sizes > 0, found, np.nan) for name, found in values.items()}


def _up_to(sums: np.ndarray, k: np.ndarray) -> np.ndarray:
    """(b,) of running sums (b, L) at each row's own k (b,) from 1; beyond L: the whole sum."""
    column = np.minimum(k, sums.shape[1]) - 1
    return np.take_along_axis(sums, column[:, None], 1)[:, 0]


def _gain(relevant: np.ndarray, n: np.ndarray, dropped: int) -> np.ndarray:
    """DCG over its largest value, both up to place N.

    Weights 1, 1/log2 2, 1/log2 3 .. of the places 1, 2, 3 ..; with `dropped` they begin so many
    places later, after zeros, and the sum always reaches the first of them.
    """
    places = np.arange(1.0, relevant.shape[1] + 2)
    weights = np.concatenate([np.zeros(dropped), 1 / np.log2(np.maximum(places, 2.0))])
    end = np.maximum(n, dropped + 1)
    gained = np.cumsum(relevant * weights[: relevant.shape[1]], axis=1)
    return _up_to(gained, end) / np.cumsum(weights)[end - 1]


def _nmrr(
    hits: np.ndarray, place_sums: np.ndarray, n: np.ndarray, largest: int
) -> np.ndarray:
    """MI3DOR: the first N places, a wrong one counting S + 1; ``S = min(4N, 2T)``."""
    s = np.minimum(4 * n, 2 * largest)
    mean = (_up_to(place_sums, n) + (n - _up_to(hits, n)) * (s + 1)) / n
    return (mean - n / 2 - 0.5) / (s - n / 2 + 0.5)


def _nmrr_mpeg7(
    hits: np.ndarray, place_sums: np.ndarray, n: np.ndarray, gtm: int
) -> np.ndarray:
    """MPEG-7: the ranks of the N right shapes, 1.25 K for one beyond ``K = min(4N, 2 GTM)``."""
    k = np.minimum(4 * n, 2 * gtm)
    mean = (_up_to(place_sums, k) + (n - _up_to(hits, k)) * 1.25 * k) / n
    return (mean - (n + 1) / 2) / (1.25 * k - (n + 1) / 2)
