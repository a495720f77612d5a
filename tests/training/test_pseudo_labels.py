"""Pseudo-labels at written-out probabilities."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.runtime import jt
from crossmodal.training.pseudo_labels import pseudo_labels

ROWS = np.float32([[0.125, 0.75, 0.125], [0.5, 0.25, 0.25], [0.25, 0.25, 0.5], [0.5, 0.5, 0]])


def labels_of(rows: np.ndarray, threshold: float) -> tuple[list[int], list[bool]]:
    labels, usable = pseudo_labels(jt.array(rows), threshold)
    assert labels.numpy().dtype.kind == "i" and usable.numpy().dtype == bool
    return labels.numpy().tolist(), usable.numpy().tolist()


def test_written_out() -> None:
    """The threshold itself is enough; of two equal classes the first."""
    assert labels_of(ROWS, 0.5) == ([1, 0, 2, 0], [True, True, True, True])
    assert labels_of(ROWS, 0.75) == ([1, 0, 2, 0], [True, False, False, False])


def test_all_or_nobody() -> None:
    assert labels_of(ROWS, 0.0)[1] == [True] * 4
    assert labels_of(ROWS, 0.9)[1] == [False] * 4


def test_one_item_and_one_class() -> None:
    assert labels_of(np.float32([[1.0]]), 1.0) == ([0], [True])


@given(st.integers(0, 2**32), st.integers(0, 8))
def test_permuting_items_and_classes(seed: int, eighths: int) -> None:
    rng, threshold = np.random.default_rng(seed), eighths / 8
    rows = rng.dirichlet([0.5] * 3, 4).astype(np.float32)
    order, names = rng.permutation(4), rng.permutation(3)
    labels, usable = labels_of(rows, threshold)
    moved, moved_usable = labels_of(rows[order][:, np.argsort(names)], threshold)
    assert moved == names[labels][order].tolist()
    assert moved_usable == np.array(usable)[order].tolist()
    assert usable == (rows.max(1) >= threshold).tolist()


def test_no_gradient() -> None:
    rows = jt.array(ROWS)
    labels, usable = pseudo_labels(rows, 0.5)
    scalar = (rows * rows).sum() + (labels.float32() * usable.float32()).sum()
    assert (jt.grad(scalar, [rows])[0].numpy() == 2 * ROWS).all()
