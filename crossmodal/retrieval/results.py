"""RetrievalResults: the one object that a test produces; it measures, and writes what it found.

    results = RetrievalResults.from_scores(scores, relevance, query_ids, query_categories,
                                           gallery_ids, gallery_categories)
    results = results.with_column("hau", distances)
    results.measures().top1
    results.write(folder, RunFacts(config_hash(config), config.seed), pictures)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crossmodal.retrieval.metrics import Measures, measure, measure_per_category, rank_of_relevant
from crossmodal.retrieval.top_k import rank_scores

if TYPE_CHECKING:
    from crossmodal.retrieval.report import Pictures, RunFacts

SHOWN = 10  # items kept of every ranking
NO_CATEGORY = "(none)"


@dataclass(frozen=True)
class RetrievalResults:
    """Checked results of Q queries against S gallery items.

    query_ids, query_categories : Q texts
    gallery_ids, gallery_categories : S texts, ids all different
    top_indices : (Q, n) int64 best items, best first; -1 where there is no further candidate
    top_scores : (Q, n) float32, falling; -inf where there is no candidate
    top_right : (Q, n) bool, is that item right
    ranks : (Q,) int64 rank of the first right item; 0: none in the gallery
    columns : name -> (Q,) float, further facts of each query, such as "hau" and "iou"

    Raises ValueError where these do not fit together.
    """

    query_ids: Sequence[str]
    query_categories: Sequence[str]
    gallery_ids: Sequence[str]
    gallery_categories: Sequence[str]
    top_indices: np.ndarray
    top_scores: np.ndarray
    top_right: np.ndarray
    ranks: np.ndarray
    columns: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_names(self)
        _check_rankings(self)
        for name, values in self.columns.items():
            if np.shape(values) != (len(self.query_ids),):
                raise ValueError(f"column {name!r} has shape {np.shape(values)}, "
                                 f"there are {len(self.query_ids)} queries")

    @classmethod
    def from_scores(
        cls,
        scores: np.ndarray,
        relevance: np.ndarray,
        query_ids: Sequence[str],
        query_categories: Sequence[str],
        gallery_ids: Sequence[str],
        gallery_categories: Sequence[str],
        shown: int = SHOWN,
    ) -> RetrievalResults:
        """Results of scores (Q, S), -inf for items that are no candidates, and relevance (Q, S)."""
        ranks = rank_of_relevant(scores, relevance)
        top_scores, indices = rank_scores(scores, shown)
        right = np.take_along_axis(np.asarray(relevance, bool), indices, 1)
        candidate = top_scores > -np.inf
        return cls(query_ids, query_categories, gallery_ids, gallery_categories,
                   np.where(candidate, indices, -1), top_scores, right & candidate, ranks)

    def __len__(self) -> int:
        return len(self.query_ids)

    def with_column(self, name: str, values: np.ndarray) -> RetrievalResults:
        """The same results with one more fact per query, (Q,) numbers; NaN: not known."""
        return replace(self, columns={**self.columns, name: np.asarray(values, np.float64)})

    @property
    def top1_indices(self) -> np.ndarray:
        """(Q,) gallery index of the first item of every query; -1: no candidate."""
        if self.top_indices.shape[1] == 0:
            return np.full(len(self), -1)
        return self.top_indices[:, 0]

    def top1_categories(self) -> list[str]:
        """The category of every query's first item."""
        return [self.gallery_categories[i] if i >= 0 else NO_CATEGORY for i in self.top1_indices]

    def measures(self) -> Measures:
        """Over all queries (micro average)."""
        return measure(self.ranks, self.query_categories, self.top1_categories())

    def measures_per_category(self) -> dict[str, Measures]:
        """Over the queries of each category."""
        return measure_per_category(self.ranks, self.query_categories, self.top1_categories())

    def column_means(self, category: str | None = None) -> dict[str, float]:
        """Mean of the known values of each column, over all queries or those of one category."""
        rows = [category in (None, mine) for mine in self.query_categories]
        means = {}
        for name, values in self.columns.items():
            known = values[np.asarray(rows, bool)]
            known = known[~np.isnan(known)]
            means[name] = float(known.mean()) if len(known) else float("nan")
        return means

    def write(self, folder: Path, run: RunFacts, pictures: Pictures | None = None) -> Path:
        """Write metrics.json, table.md, queries.csv, curve.png and, given pictures, grid.png."""
        from crossmodal.retrieval.report import write_report  # it draws: not needed to measure

        return write_report(self, folder, run, pictures)


def _check_names(results: RetrievalResults) -> None:
    for side, ids, categories in (
        ("query", results.query_ids, results.query_categories),
        ("gallery", results.gallery_ids, results.gallery_categories),
    ):
        if len(ids) != len(categories):
            raise ValueError(f"{len(ids)} {side} ids, but {len(categories)} {side} categories")
        if len(set(ids)) != len(ids):
            raise ValueError(f"the {side} ids are not all different")


def _check_rankings(results: RetrievalResults) -> None:
    queries, size = len(results.query_ids), len(results.gallery_ids)
    indices, scores, right = results.top_indices, results.top_scores, results.top_right
    if indices.ndim != 2 or not indices.shape == scores.shape == right.shape:
        raise ValueError(f"top indices {indices.shape}, scores {scores.shape} and right "
                         f"{right.shape} must have one shape (Q, n)")
    if len(indices) != queries or results.ranks.shape != (queries,):
        raise ValueError(f"{queries} query ids, but {len(indices)} rankings and "
                         f"{results.ranks.shape} ranks")
    if np.isnan(scores).any():
        raise ValueError("a score is not a number: the embeddings are damaged")
    if indices.size and (indices.max() >= size or indices.min() < -1):
        raise ValueError(f"gallery indices {indices.min()}..{indices.max()}, "
                         f"there are {size} items")
    if (scores[:, 1:] > scores[:, :-1]).any():
        raise ValueError("the scores of a ranking rise: the best item must come first")
    _check_ranks(results)


def _check_ranks(results: RetrievalResults) -> None:
    right, ranks = results.top_right, results.ranks
    shown = np.where(right.any(1), right.argmax(1) + 1, 0) if right.shape[1] else ranks * 0
    expected = np.where(ranks <= right.shape[1], ranks, 0)
    if (shown != expected).any():
        bad = int(np.argmax(shown != expected))
        raise ValueError(f"query {results.query_ids[bad]!r}: rank {ranks[bad]}, but the first "
                         f"right item shown has rank {shown[bad]}")
