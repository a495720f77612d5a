"""The cumulative match curve: how many queries have a right item among their first k."""

from __future__ import annotations

import io

import numpy as np

DPI = 120


def match_curve(ranks: np.ndarray, longest: int) -> np.ndarray:
    """(longest,) float64: Top-k rate for k = 1 .. longest, over queries that have a right item.

    ranks : (Q,) int, from 1; 0: no right item in the gallery. NaN without any counted query.
    """
    counted = ranks[ranks > 0]
    if not len(counted):
        return np.full(longest, np.nan)
    hits = np.bincount(np.minimum(counted, longest + 1), minlength=longest + 2)
    return np.cumsum(hits[1 : longest + 1]) / len(counted)


def draw_curve(ranks: np.ndarray, gallery_size: int) -> bytes:
    """A PNG of the curve up to 100 items, beside the curve of a random order."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    longest = max(1, min(100, gallery_size))
    places = np.arange(1, longest + 1)
    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    counted = int((ranks > 0).sum())
    axes.plot(places, 100 * match_curve(ranks, longest), label=f"{counted} queries")
    axes.plot(places, 100 * places / max(gallery_size, 1), ":", label="by chance (one right item)")
    axes.set(xlabel="k", ylabel="right item among the first k, %", ylim=(0, 101),
             title=f"{gallery_size} gallery items")
    if longest > 1:
        axes.set(xlim=(1, longest))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI)
    return file.getvalue()
