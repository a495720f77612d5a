"""Batches in which every shape occurs once, although several pictures may show the same shape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Callable

import numpy as np


def distinct_shapes(
    shapes_of_images: Sequence[int],
    others: Iterable[int],
    slots: int,
    usable: Callable[[int], bool] = lambda shape: True,
) -> tuple[np.ndarray, np.ndarray]:
    """The batch's shapes, and where each picture's shape is among them.

    shapes_of_images : (B,) shape index of each picture.
    others : shapes to fill up with, in the order in which they are taken; repeats are passed over.
    slots : shapes wanted, B or, with fewer shapes than that, all of them.
    usable : whether a shape may be filled in; asked in that order until there are enough.

    Returns (slots,) distinct shape indices, the pictures' own in order of first appearance, then
    others; and (B,) int64, the slot of each picture's shape.
    """
    own = list(dict.fromkeys(int(s) for s in shapes_of_images))
    if len(own) > slots:
        raise ValueError(f"{slots} slots for {len(own)} distinct shapes")
    chosen = dict.fromkeys(own)
    for shape in map(int, others):
        if len(chosen) == slots:
            break
        if shape not in chosen and usable(shape):
            chosen[shape] = None
    if len(chosen) < slots:
        raise ValueError(f"only {len(chosen)} usable shapes for {slots} slots")
    slot = {shape: i for i, shape in enumerate(own)}
    slots_of_images = [slot[int(shape)] for shape in shapes_of_images]
    return np.array(list(chosen), np.int64), np.array(slots_of_images, np.int64)


def instance_matrix(image_shape: np.ndarray, slots: int) -> np.ndarray:
    """(slots, B) float32: 1 where shape j is the one picture i shows. Rows shapes, columns images.

    image_shape : (B,) slot of each picture's shape.
    """
    return (np.arange(slots)[:, None] == np.asarray(image_shape)[None, :]).astype(np.float32)


def category_matrix(shape_category: np.ndarray, image_category: np.ndarray) -> np.ndarray:
    """(S, B) float32: 1 where shape j has picture i's category."""
    return (np.asarray(shape_category)[:, None] == np.asarray(image_category)[None, :]).astype(
        np.float32
    )
