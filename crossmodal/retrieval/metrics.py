"""Measures of a ranking: arrays in, numbers out.

Ranks start at 1; rank 0 stands for a query that has no right item in the gallery. Such a query has
no part in Top-k and MRR: it is counted, and the count is reported beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

BLOCK = 256  # queries whose comparisons are held at a time


def rank_of_relevant(scores: np.ndarray, relevance: np.ndarray) -> np.ndarray:
    """(Q,) int64 rank of the first right item of every query; 0: there is none.

    Items are in order of falling score and, of equal scores, of rising index: the order of
    :func:`crossmodal.retrieval.top_k.top_k`, so the rank is at most k exactly if a right item is
    among the top k.

    Parameters
    ----------
    scores : (Q, S); -inf for an item that is no candidate
    relevance : (Q, S) bool

    Raises
    ------
    ValueError : shapes differ, or a score is NaN.
    """
    scores, relevance = np.asarray(scores), np.asarray(relevance, bool)
    if scores.ndim != 2 or scores.shape != relevance.shape:
        raise ValueError(f"scores {scores.shape} and relevance {relevance.shape} "
                         "must both be (Q, S)")
    ranks = np.zeros(len(scores), np.int64)
    if scores.shape[1] == 0:
        return ranks
    for start in range(0, len(scores), BLOCK):
        rows = slice(start, start + BLOCK)
        ranks[rows] = _ranks(scores[rows], relevance[rows], start)
    return ranks


def _ranks(scores: np.ndarray, relevance: np.ndarray, first: int) -> np.ndarray:
    broken = np.isnan(scores).any(1)
    if broken.any():
        raise ValueError(f"query {first + int(np.argmax(broken))} has a score that is not a number")
    best = np.where(relevance, scores, -np.inf).max(1, keepdims=True)
    hit = relevance & (scores == best) & (best > -np.inf)
    place = hit.argmax(1)[:, None]
    above = (scores > best).sum(1)
    before = ((scores == best) & (np.arange(scores.shape[1]) < place)).sum(1)
    return np.where(hit.any(1), 1 + above + before, 0)


def top_k_rate(ranks: np.ndarray, k: int) -> float:
    """Share of the queries with a right item that have one among the first k.

    A gallery smaller than k is a list that holds all of it: the rate is then 1. NaN without any
    such query.
    """
    counted = ranks[ranks > 0]
    return float((counted <= k).mean()) if len(counted) else float("nan")


def mean_reciprocal_rank(ranks: np.ndarray) -> float:
    """Mean of 1 / rank of the first right item, over the queries that have one; NaN without any."""
    counted = ranks[ranks > 0]
    return float((1.0 / counted).mean()) if len(counted) else float("nan")


def category_accuracy(query_categories: Sequence[str], top1_categories: Sequence[str]) -> float:
    """Share of all queries whose first item has the query's category; NaN without queries."""
    same = [query == top for query, top in zip(query_categories, top1_categories)]
    return float(np.mean(same)) if same else float("nan")


@dataclass(frozen=True)
class Measures:
    """What is measured over some queries. Rates are in 0..1; NaN where nothing can be measured."""

    queries: int  # all of them
    without_positive: int  # of these, left out of top1, top10 and mrr
    top1: float
    top10: float
    mrr: float
    category_accuracy: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(
    ranks: np.ndarray, query_categories: Sequence[str], top1_categories: Sequence[str]
) -> Measures:
    """All measures over queries, given their ranks (Q,) and the categories of their first items."""
    return Measures(
        queries=len(ranks),
        without_positive=int((ranks == 0).sum()),
        top1=top_k_rate(ranks, 1),
        top10=top_k_rate(ranks, 10),
        mrr=mean_reciprocal_rank(ranks),
        category_accuracy=category_accuracy(query_categories, top1_categories),
    )


def measure_per_category(
    ranks: np.ndarray, query_categories: Sequence[str], top1_categories: Sequence[str]
) -> dict[str, Measures]:
    """Measures over the queries of each category, categories sorted.

    The micro average, `measure` over all queries, weighs these by their number of queries.
    """
    categories = np.asarray(query_categories, object)
    firsts = np.asarray(top1_categories, object)
    found = {}
    for category in sorted(set(query_categories)):
        rows = np.flatnonzero(categories == category)
        found[category] = measure(ranks[rows], categories[rows].tolist(), firsts[rows].tolist())
    return found
