"""The validation figures of a network: held-out queries ranked in a gallery."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crossmodal.data.records import QueryRecord, ShapeKey
from crossmodal.data.views import ViewStore
from crossmodal.models.encode import Encoder, embed_gallery, embed_queries
from crossmodal.retrieval.scoring import attention_scores


def evaluate_queries(encoder: Encoder, records: Sequence[QueryRecord], keys: Sequence[ShapeKey],
                     store: ViewStore, workers: int = 0) -> dict[str, float]:
    """Top-1, Top-10 (in [0, 1]) and MRR of queries among the shapes ``keys``.

    Unreadable queries are left out; a shape's rank counts the shapes scored above it, and of equal
    scores those earlier in ``keys``.
    """
    queries, read = embed_queries(encoder, records, workers)
    tokens, _ = embed_gallery(encoder, store, keys, workers)
    place = {key: index for index, key in enumerate(keys)}
    own = np.array([place[record.shape] for record in records])[read]
    scores = attention_scores(queries[read], tokens, encoder.w_in)
    mine = scores[np.arange(len(own)), own][:, None]
    earlier = (scores == mine) & (np.arange(scores.shape[1])[None, :] < own[:, None])
    rank = ((scores > mine) | earlier).sum(1)
    return {"top1": float((rank < 1).mean()), "top10": float((rank < 10).mean()),
            "mrr": float((1.0 / (rank + 1)).mean())}
