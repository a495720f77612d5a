"""Which queries make which batch: a function of the seed and the epoch, nothing else."""

from __future__ import annotations

import numpy as np

from crossmodal.runtime import seeds


def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """(count,) int64: a random order of range(count), the same for the same (seed, epoch)."""
    return seeds.generator(seed, "order", epoch).permutation(count)


def epoch_batches(
    count: int, batch_size: int, seed: int, epoch: int, last: str = "drop"
) -> np.ndarray:
    """(steps, batch_size) int64: the epoch's batches of indices.

    last : what becomes of an incomplete last batch: "drop" leaves it out, "pad" fills it up from
        the start of the order. With fewer items than a batch there is one batch, filled up.
    """
    order = epoch_order(count, seed, epoch)
    steps = steps_per_epoch(count, batch_size, last)
    return np.resize(order, steps * batch_size).reshape(steps, batch_size)


def steps_per_epoch(count: int, batch_size: int, last: str = "drop") -> int:
    """The number of batches of an epoch, at least 1."""
    if count < 1:
        raise ValueError("an epoch needs at least one item")
    whole = count // batch_size if last == "drop" else -(-count // batch_size)
    return max(whole, 1)
