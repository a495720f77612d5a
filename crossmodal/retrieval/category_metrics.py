"""Category-level retrieval as MI3DOR measures it: does a query find the shapes of its class?

    results = measure_categories(query_features, query_labels, gallery_features, gallery_labels)
    results.overall.nn, results.overall.map, results.per_class[3].ft

R_k is 1 where the k-th shape of a query's ranking has its class, N the class's size in the gallery,
T the largest class of the gallery, G the shapes, Q the counted queries. Means are over queries:

- NN     R_1
- FT     sum_{k <= N} R_k / N
- ST     sum_{k <= 2N-1} R_k / N
- DCG    (R_1 + sum_{k=2..N} R_k / log2 k) / (1 + sum_{k=2..N} 1 / log2 k)
- ANMRR  S = min(4N, 2T); r_k = k if R_k else S+1, k = 1..N; (mean r - N/2 - 1/2) / (S - N/2 + 1/2)
- ANMRR (MPEG-7; Manjunath et al. 2001)  K = min(4N, 2 max_q N); r = ranks of the N right shapes,
         1.25 K for a rank beyond K; (mean r - (N+1)/2) / (1.25 K - (N+1)/2)
- mAP    (1/N) sum_k R_k (R_1 + .. + R_k) / k

and over all queries together (micro):

- F      p = hits among the first 20 / (20 Q), r = these hits / all hits, 2 / (1/p + 1/r); of fewer
         than 20 shapes all are listed, and their number is the divisor
- AUC    trapezoids of (recall, precision) at k = 1..G: hits up to k over all hits and over k Q

Ties keep the gallery's order (see `category_ranking`). A label of -1 in the gallery marks a shape
without class, which takes a place and is never right. A query whose class is not in the gallery has
no part in any number; such queries are counted, in `without_positive`. Without a counted query all
numbers are NaN. Of a class, F and AUC are taken over its queries; T and max N are those of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from crossmodal.retrieval.category_formulas import Truth, measure_ranking
from crossmodal.retrieval.category_ranking import PREPARATIONS, prepare_features, ranked_blocks

F_CUTOFF = 20
SHOWN = 10  # shapes kept of every ranking
DROPPED = {"mi3dor": 0, "sc-ibsr-released": 1}  # protocol -> shapes dropped from every ranking
PROTOCOLS = tuple(DROPPED)


@dataclass(frozen=True)
class CategoryMeasures:
    """Numbers in 0..1 over some queries, of which `without_positive` have no part in them."""

    queries: int
    without_positive: int
    nn: float
    ft: float
    st: float
    f: float
    dcg: float
    anmrr: float  # MI3DOR's; lower is better
    anmrr_mpeg7: float  # lower is better
    auc: float
    map: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True)
class CategoryResults:
    """What was measured, and how.

    protocol : "mi3dor", or "sc-ibsr-released": the released copy of MI3DOR's script takes the
        first shape of every ranking away (left over from retrieval within one set) and starts DCG
        one place later still
    preparation : of the features, see `prepare_features`
    f_cutoff : length of F's list, 20 or the shapes there are
    precision, recall : (L,) micro precision-recall curve at k = 1..L, the shapes not dropped
    top_indices, top_distances : (Q, 10 or G) nearest shapes, nothing dropped, and how far they are
    query_labels, gallery_labels : (Q,), (G,) int64
    """

    protocol: str
    preparation: str
    queries: int
    without_positive: int
    shapes: int
    distractors: int  # of the shapes, those without class
    query_classes: int
    gallery_classes: int
    largest_class: int  # T
    f_cutoff: int
    overall: CategoryMeasures
    per_class: Mapping[int, CategoryMeasures]  # by query label, rising
    precision: np.ndarray
    recall: np.ndarray
    top_indices: np.ndarray
    top_distances: np.ndarray
    query_labels: np.ndarray
    gallery_labels: np.ndarray


def measure_categories(
    query_features: np.ndarray,
    query_labels: np.ndarray,
    gallery_features: np.ndarray,
    gallery_labels: np.ndarray,
    protocol: str = PROTOCOLS[0],
    preparation: str = PREPARATIONS[0],
) -> CategoryResults:
    """Rank the gallery for every query and measure.

    Parameters
    ----------
    query_features, gallery_features : (Q, D), (G, D) real
    query_labels, gallery_labels : (Q,), (G,) whole numbers from 0; -1 in the gallery: no class

    Raises
    ------
    ValueError : unknown protocol or preparation; nothing to rank; features that are not finite;
        shapes or labels that do not fit.
    """
    dropped = _dropped(protocol, len(gallery_features))
    queries = prepare_features(query_features, preparation, "query")
    shapes = prepare_features(gallery_features, preparation, "gallery")
    truth = Truth.of(query_labels, gallery_labels, len(queries), len(shapes))
    tally = _Tally(truth, len(shapes), dropped)
    for block in ranked_blocks(queries, shapes):
        tally.add(block.rows, block.order, block.distances(SHOWN))
    return _results(truth, tally, protocol, preparation)


def _dropped(protocol: str, shapes: int) -> int:
    if protocol not in DROPPED:
        raise ValueError(f"unknown protocol {protocol!r}: choose {' or '.join(PROTOCOLS)}")
    if shapes and shapes <= DROPPED[protocol]:
        raise ValueError(f"{protocol} drops the first shape of every ranking and the gallery has "
                         "no other: use the protocol mi3dor or a larger gallery")
    return DROPPED[protocol]


class _Tally:
    """What is kept of the rankings.

    values : name -> (Q,) float64 numbers of every query, NaN without a positive
    hits : (C, L) int64, how many of a class's queries have a right shape at place k
    """

    def __init__(self, truth: Truth, shapes: int, dropped: int) -> None:
        self.truth, self.dropped = truth, dropped
        self.hits = np.zeros((len(truth.classes), shapes - dropped), np.int64)
        self.values: dict[str, np.ndarray] = {}
        shown = (truth.queries, min(SHOWN, shapes))
        self.top_indices, self.top_distances = np.empty(shown, np.int64), np.empty(shown, "f4")

    def add(self, rows: slice, order: np.ndarray, distances: np.ndarray) -> None:
        self.top_indices[rows] = order[:, :SHOWN]
        self.top_distances[rows] = distances
        relevant = self.truth.relevant(rows, order)[:, self.dropped :]
        for name, found in measure_ranking(relevant, self.truth, rows, self.dropped).items():
            self.values.setdefault(name, np.full(self.truth.queries, np.nan))[rows] = found
        mine = self.truth.query_class[rows]
        by_class = np.argsort(mine, kind="stable")
        names, first = np.unique(mine[by_class], return_index=True)
        self.hits[names] += np.add.reduceat(relevant[by_class], first, axis=0, dtype=np.int64)


def _results(truth: Truth, tally: _Tally, protocol: str, preparation: str) -> CategoryResults:
    everyone = np.ones(truth.queries, bool)
    hits = tally.hits.sum(0)
    precision, recall = precision_recall(hits, int((truth.sizes > 0).sum()))
    per_class = {int(label): _measures(tally, truth.query_class == i, tally.hits[i])
                 for i, label in enumerate(truth.classes)}
    return CategoryResults(
        protocol=protocol, preparation=preparation,
        queries=truth.queries, without_positive=int((truth.sizes == 0).sum()),
        shapes=len(truth.gallery_labels), distractors=int((truth.gallery_labels < 0).sum()),
        query_classes=len(truth.classes), gallery_classes=truth.gallery_classes,
        largest_class=truth.largest, f_cutoff=min(F_CUTOFF, len(hits)),
        overall=_measures(tally, everyone, hits), per_class=per_class,
        precision=precision, recall=recall,
        top_indices=tally.top_indices, top_distances=tally.top_distances,
        query_labels=truth.query_labels, gallery_labels=truth.gallery_labels,
    )


def _measures(tally: _Tally, rows: np.ndarray, hits: np.ndarray) -> CategoryMeasures:
    """Over the queries `rows` (Q,) bool, whose right shapes stand at the places `hits` (L,)."""
    counted = rows & (tally.truth.sizes > 0)
    queries, number = int(rows.sum()), int(counted.sum())
    if not number:
        return CategoryMeasures(queries, queries, *[float("nan")] * 9)
    means = {name: float(values[counted].mean()) for name, values in tally.values.items()}
    micro = {"f": f_measure(hits, number), "auc": area_under_curve(hits, number)}
    return CategoryMeasures(queries=queries, without_positive=queries - number, **means, **micro)


def f_measure(hits: np.ndarray, queries: int) -> float:
    """MI3DOR's F of (L,) hits at each place, over all queries; 0 without a hit."""
    cutoff = min(F_CUTOFF, len(hits))
    return float(2 * hits[:cutoff].sum() / (cutoff * queries + hits.sum()))


def precision_recall(hits: np.ndarray, queries: int) -> tuple[np.ndarray, np.ndarray]:
    """(L,) precision and (L,) recall at k = 1..L of (L,) hits at each place; NaN if no queries."""
    if not queries:
        return np.full(len(hits), np.nan), np.full(len(hits), np.nan)
    found = np.cumsum(hits)
    return found / (queries * np.arange(1.0, len(hits) + 1)), found / max(found[-1], 1)


def area_under_curve(hits: np.ndarray, queries: int) -> float:
    """Trapezoids between the points k = 1..L of `precision_recall`; 0 if there is one point."""
    precision, recall = precision_recall(hits, queries)
    return float(((precision[1:] + precision[:-1]) / 2 * np.diff(recall)).sum())
