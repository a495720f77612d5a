"""A validation counts what a test would count."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from crossmodal.data.records import QueryRecord, ShapeKey
from crossmodal.retrieval import evaluate

KEYS = [ShapeKey("chair", name) for name in "abcd"]
SHOWN = ["a", "b", "c", "d"]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Figures of queries that look like their shapes; shape c, and the query of d, are torn."""
    rows = np.eye(4, dtype=np.float32)
    records = [QueryRecord(name, "", None, ShapeKey("chair", name)) for name in SHOWN]
    read, whole = np.array([True, True, True, False]), np.array([True, True, False, True])
    queries = rows[[1, 0, 2, 3]] * read[:, None]  # a looks like b, and b like a
    tokens = (rows * whole[:, None])[:, None]
    monkeypatch.setattr(evaluate, "embed_queries", lambda *_: (queries, read))
    monkeypatch.setattr(evaluate, "embed_gallery", lambda *_: (tokens, whole))
    encoder: Any = SimpleNamespace(w_in=np.eye(4, dtype=np.float32))
    store: Any = None
    return lambda duplicates=(): evaluate.evaluate_queries(encoder, records, KEYS, store, 0,
                                                           duplicates)


def test_unreadable_queries_and_shapes_are_left_out(figures: Any) -> None:
    """Of three shapes, a and b come second; c is not there: a torn row of zeros is no shape."""
    assert figures() == pytest.approx({"top1": 0.0, "top10": 1.0, "mrr": 0.5})


def test_shapes_that_cannot_be_told_apart_count_as_one(figures: Any) -> None:
    assert figures([["a", "b"]])["top1"] == 1.0
