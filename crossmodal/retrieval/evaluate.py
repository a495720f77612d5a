"""The validation figures of a network: held-out queries ranked in a gallery."""
from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from crossmodal.data.records import QueryRecord, ShapeKey
from crossmodal.data.views import ViewStore
from crossmodal.models.encode import Encoder, embed_gallery, embed_queries
from crossmodal.retrieval.metrics import mean_reciprocal_rank, rank_of_relevant, top_k_rate
from crossmodal.retrieval.relevance import relevance_of_shapes
from crossmodal.retrieval.scoring import attention_scores

FIGURES = ("top1", "top10", "mrr")


def evaluate_queries(encoder: Encoder, records: Sequence[QueryRecord], keys: Sequence[ShapeKey],
                     store: ViewStore, workers: int = 0,
                     duplicates: Sequence[Collection[str]] = ()) -> dict[str, float]:
    """Top-1, Top-10 (in [0, 1]) and MRR of queries among the shapes ``keys``, as a test has them.

    Unreadable queries and shapes are left out. duplicates : see `relevance_of_shapes`
    """
    queries, read = embed_queries(encoder, records, workers)
    tokens, whole = embed_gallery(encoder, store, keys, workers)
    shown = [record.shape for record, was_read in zip(records, read) if was_read]
    relevance = relevance_of_shapes(shown, keys, duplicates)[:, np.flatnonzero(whole)]
    ranks = rank_of_relevant(attention_scores(queries[read], tokens[whole], encoder.w_in),
                             relevance)
    figures = top_k_rate(ranks, 1), top_k_rate(ranks, 10), mean_reciprocal_rank(ranks)
    return dict(zip(FIGURES, figures))
