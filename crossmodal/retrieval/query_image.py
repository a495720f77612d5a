"""From any photo to a query: upright RGB and the object's mask, cut to the object.

The object is where the mask file says, else what is not transparent, else what stands out from a
plain background, else the whole frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crossmodal.data.errors import SampleError
from crossmodal.data.find_object import find_object
from crossmodal.data.images import join, read_alpha, read_mask, read_rgb
from crossmodal.data.pictures import cut, object_square

LEAST = 1600  # pixels of the shorter side that a large JPEG is decoded to; the object is in it
MARGIN = 0.1  # free space around the object, as a part of its larger extent
MASK_FILE, TRANSPARENCY, BACKGROUND = "mask file", "transparency", "plain background"
WHOLE = "whole frame"


@dataclass(frozen=True)
class QueryPicture:
    """rgb (H, W, 3) uint8, mask (H, W) uint8 with 255 = object, and how the object was found."""

    rgb: np.ndarray
    mask: np.ndarray
    found: str


def load_query(
    path: Path | str, mask: Path | str | None = None, whole: bool = False, margin: float = MARGIN
) -> QueryPicture:
    """The query in a picture file of any size, mode and orientation.

    Parameters
    ----------
    mask : picture of the same proportions, bright where the object is
    whole : take the whole frame for the object, without looking for it
    margin : free space around the object after cutting to it

    Raises
    ------
    SampleError : a file is missing or broken, or the mask is empty or has other proportions.
    """
    rgb = read_rgb(path, None if mask else LEAST)
    if mask is not None:
        found = join(rgb, read_mask(mask), str(mask))[..., 3]
        if found.max() <= 127:
            raise SampleError(f"{mask}: the mask is empty; the object must be white (255) in it")
        return cut_to_object(rgb, found, margin, MASK_FILE)
    if whole:
        return QueryPicture(rgb, np.full(rgb.shape[:2], 255, np.uint8), WHOLE)
    alpha = _read_alpha(path)
    if alpha is not None:
        return cut_to_object(rgb, alpha, margin, TRANSPARENCY)
    return locate(rgb, margin)


def locate(rgb: np.ndarray, margin: float = MARGIN) -> QueryPicture:
    """The query in a (H, W, 3) uint8 picture: its object on a plain background, or all of it."""
    mask = find_object(rgb)
    if mask is None:
        return QueryPicture(rgb, np.full(rgb.shape[:2], 255, np.uint8), WHOLE)
    return cut_to_object(rgb, mask, margin, BACKGROUND)


def cut_to_object(rgb: np.ndarray, mask: np.ndarray, margin: float, found: str) -> QueryPicture:
    """The square around the object; what of it lies outside the picture has the border's colour.

    rgb : (H, W, 3) uint8. mask : (H, W) uint8, object above 127.
    """
    square = cut(np.dstack([rgb, mask]), *object_square(mask, margin))
    return QueryPicture(square[..., :3], square[..., 3], found)


def _read_alpha(path: Path | str) -> np.ndarray | None:
    """(H, W) uint8 opacity of a picture that is partly transparent and partly not, or None."""
    alpha = read_alpha(path)
    if alpha is None:
        return None
    visible = (alpha > 127).mean()
    return alpha if 0 < visible < 1 else None
