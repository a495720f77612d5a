"""Masks that fit their photo: of files, whichever way up they were made, and of boxes.

A camera may store a photo lying on its side and say so in its EXIF orientation. Who drew a mask or
a box saw it either as it is stored or as it is shown: the sizes tell. Where they do not (a photo
upside down, or a square one), it is taken as drawn on the stored one: the owners' tools (MATLAB,
early Python) do not look at EXIF.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from crossmodal.data.errors import SampleError
from crossmodal.data.images import UPRIGHT, orientation

__all__ = ["UPRIGHT", "Size", "box_mask", "fit_mask", "orientation", "shown_size"]

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Size = tuple[int, int]  # width, height


def shown_size(stored: Size, turn: int) -> Size:
    """Size of a photo that is stored with this size and EXIF orientation."""
    return (stored[1], stored[0]) if turn >= 5 else stored


def fit_mask(mask: np.ndarray, stored: Size, turn: int, where: str) -> np.ndarray:
    """(h, w) uint8: a mask as its photo is shown, not yet scaled to it.

    mask : (h, w) uint8, 255 = object; as large as the photo, or of the same shape
    stored, turn : size of the stored photo, its EXIF orientation
    Raises SampleError, starting with `where`, for a mask of another shape or without an object.
    """
    if mask.max(initial=0) < 128:
        raise SampleError(f"{where}: the mask shows no object")
    size, shown = (mask.shape[1], mask.shape[0]), shown_size(stored, turn)
    if size == stored:
        return _turned(mask, turn)
    if size == shown or _alike(size, shown) and not _alike(size, stored):
        return mask
    if _alike(size, stored):
        return _turned(mask, turn)
    raise SampleError(f"{where}: a mask of {size[0]} x {size[1]} pixels for a photo of "
                      f"{shown[0]} x {shown[1]}; they must have the same shape")


def box_mask(box: Sequence[float], stored: Size, turn: int, where: str) -> np.ndarray:
    """(H, W) uint8: 255 inside a box of the photo, as the photo is shown.

    box : left, top, right, bottom in pixels from 0, right and bottom exclusive; what is outside of
        the photo is cut off
    Raises SampleError, starting with `where`, where nothing of the box is inside.
    """
    shown = shown_size(stored, turn)
    drawn_on_shown = not _inside(box, stored) and _inside(box, shown)
    width, height = shown if drawn_on_shown else stored
    left, top = (max(round(value), 0) for value in box[:2])
    right, bottom = min(round(box[2]), width), min(round(box[3]), height)
    if left >= right or top >= bottom:
        raise SampleError(f"{where}: the box {[round(value) for value in box]} is not inside the "
                          f"photo of {width} x {height} pixels")
    mask = np.zeros((height, width), np.uint8)
    mask[top:bottom, left:right] = 255
    return mask if drawn_on_shown else _turned(mask, turn)


def _turned(mask: np.ndarray, turn: int) -> np.ndarray:
    return np.asarray(Image.fromarray(mask).transpose(_TURNS[turn])) if turn in _TURNS else mask


def _alike(one: Size, other: Size) -> bool:
    """Do two sizes have one shape, but for rounding to whole pixels?"""
    return abs(one[0] * other[1] - one[1] * other[0]) <= max(*one, *other)


def _inside(box: Sequence[float], size: Size) -> bool:
    return box[2] <= size[0] and box[3] <= size[1]
