"""The whole gallery in order for every query: Euclidean distance of features of unit length.

Nothing of size (Q, G) is ever held: queries are ranked in blocks.

    queries = prepare_features(query_features, "released-features", "query")
    shapes = prepare_features(gallery_features, "released-features", "gallery")
    for block in ranked_blocks(queries, shapes):
        block.order                                   # (b, G) gallery indices, nearest first

Ties: squared distances are compared on a grid of 2^-32; shapes that are equal on it keep the order
of the gallery. What is equal but for rounding is equal here, wherever in a block it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

PREPARATIONS = ("released-features", "l2-normalised")
BLOCK = 1 << 20  # distances held at a time
STEPS = 2.0**32  # steps of the grid in a squared distance of 1


def prepare_features(
    features: np.ndarray, preparation: str = PREPARATIONS[0], side: str = "query"
) -> np.ndarray:
    """(n, D) float64 features of unit length; a row of zeros stays one.

    Parameters
    ----------
    features : (n, D) real
    preparation : "released-features", x -> max(x, 0) / |max(x, 0)|, as MI3DOR's evaluation has it;
        "l2-normalised", x -> x / |x|
    side : "query" or "gallery", for messages

    Raises
    ------
    ValueError : unknown preparation, not a matrix, no rows or columns, or not finite.
    """
    if preparation not in PREPARATIONS:
        raise ValueError(f"unknown feature preparation {preparation!r}: "
                         f"choose {' or '.join(PREPARATIONS)}")
    rows = np.array(features, np.float64)  # a copy
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(f"the {side} features have shape {rows.shape}: give (items, dimensions), "
                         "at least one of each")
    _check_finite(rows, side)
    if preparation == "released-features":
        np.maximum(rows, 0.0, out=rows)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > 0, lengths, 1.0)
    return rows


def _check_finite(rows: np.ndarray, side: str) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        broken = ~np.isfinite(np.einsum("nd,nd->n", rows, rows))
    if broken.any():
        raise ValueError(f"{int(broken.sum())} of {len(rows)} {side} features are not finite "
                         f"(first: row {int(np.argmax(broken))}): the network diverged or its "
                         "weights are damaged; use another checkpoint")


@dataclass(frozen=True)
class RankedBlock:
    """The ranking of the queries ``rows`` of all.

    keys : (b, G) int64, rising: squared distance in grid steps, above ``bits`` bits of the index
    """

    rows: slice
    keys: np.ndarray
    bits: int

    @property
    def order(self) -> np.ndarray:
        """(b, G) int64 gallery indices, nearest first."""
        return self.keys & ((1 << self.bits) - 1)

    def distances(self, n: int) -> np.ndarray:
        """(b, min(n, G)) float32 rising Euclidean distances of the nearest n."""
        return np.sqrt((self.keys[:, :n] >> self.bits) / STEPS).astype(np.float32)


def ranked_blocks(queries: np.ndarray, gallery: np.ndarray) -> Iterator[RankedBlock]:
    """All queries in order, a block at a time.

    queries (Q, D) and gallery (G, D): as `prepare_features` gives them, lengths at most 1

    Raises ValueError where their dimensions differ.
    """
    if queries.shape[1] != gallery.shape[1]:
        raise ValueError(f"query features have {queries.shape[1]} dimensions and gallery features "
                         f"{gallery.shape[1]}: take both from the same layer of the same network")
    bits = max(1, (len(gallery) - 1).bit_length())  # |a - b|^2 <= 4: room for 2^29 shapes
    scaled = gallery.T * (-2.0 * STEPS)
    offsets = STEPS * np.einsum("gd,gd->g", gallery, gallery)
    size = max(1, BLOCK // len(gallery))
    for start in range(0, len(queries), size):
        rows = slice(start, min(start + size, len(queries)))
        keys = _keys(queries[rows], scaled, offsets, bits)
        keys.sort(axis=1)  # no two keys are equal: any sort is a stable one
        yield RankedBlock(rows, keys, bits)


def _keys(queries: np.ndarray, scaled: np.ndarray, offsets: np.ndarray, bits: int) -> np.ndarray:
    """(b, G) int64: ``|q|^2 + |g|^2 - 2 q . g`` in grid steps, then the index."""
    squared = queries @ scaled
    squared += STEPS * np.einsum("qd,qd->q", queries, queries)[:, None]
    squared += offsets
    np.rint(squared, out=squared)
    np.maximum(squared, 0.0, out=squared)
    keys = squared.astype(np.int64)
    keys <<= bits
    keys |= np.arange(keys.shape[1])
    return keys
