"""Holds a part of the training list out, to choose the epoch without the test set."""

from __future__ import annotations

from collections.abc import Sequence

from crossmodal.data.records import QueryRecord
from crossmodal.runtime import seeds


def split(
    records: Sequence[QueryRecord], fraction: float, by: str, seed: int
) -> tuple[list[QueryRecord], list[QueryRecord]]:
    """(training, validation) records, each in the list's order.

    by : "query" holds out pictures: their shapes stay in training, as in the authors' test sets.
        "shape" holds out every picture of some shapes: the test shapes are unseen.
    The choice depends on the seed and the ids only, not on the order of the list. A fraction above
    0 holds out at least one item and leaves at least one.
    """
    unit = {r: r.id if by == "query" else str(r.shape) for r in records}
    names = sorted(set(unit.values()))
    if fraction <= 0 or len(names) < 2:
        return list(records), []
    count = min(max(round(fraction * len(names)), 1), len(names) - 1)
    order = seeds.generator(seed, "validation").permutation(len(names))
    held = {names[i] for i in order[:count]}
    training = [r for r in records if unit[r] not in held]
    return training, [r for r in records if unit[r] in held]
