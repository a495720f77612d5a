"""Makes a decoded picture square, at the size the batches need, and remembers it.

A picture is (H, W, 4) uint8: RGB and mask.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
from PIL import Image


def border_colour(picture: np.ndarray) -> np.ndarray:
    """(4,) uint8: the median colour of the border; mask 0. It fills what lies outside.

    Of a gray (H, W) picture: (), the median gray.
    """
    edges = [picture[0], picture[-1], picture[:, 0], picture[:, -1]]
    colour = np.median(np.concatenate(edges), axis=0).astype(np.uint8)
    if picture.ndim == 3:
        colour[3] = 0
    return colour


def object_square(mask: np.ndarray, margin: float) -> tuple[int, int, int]:
    """(left, top, side) in pixels of the square around a mask; it may reach outside the frame.

    mask : (H, W) uint8, object above 127; an empty mask means the whole frame.
    margin : free space on each side, as a part of the object's larger extent.
    """
    rows = np.flatnonzero((mask > 127).any(axis=1))
    columns = np.flatnonzero((mask > 127).any(axis=0))
    if len(rows) == 0:
        return frame_square(mask.shape[0], mask.shape[1])
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    side = max(1, round(max(height, width) * (1 + 2 * margin)))
    left = (columns[0] + columns[-1] + 1 - side) // 2
    top = (rows[0] + rows[-1] + 1 - side) // 2
    return int(left), int(top), side


def frame_square(height: int, width: int) -> tuple[int, int, int]:
    """(left, top, side) of the smallest centred square around the whole frame."""
    side = max(height, width)
    return (width - side) // 2, (height - side) // 2, side


def cut(picture: np.ndarray, left: int, top: int, side: int) -> np.ndarray:
    """(side, side, 4), or (side, side) of a gray one: that square; outside, the border colour."""
    height, width = picture.shape[:2]
    if (left, top, side, side) == (0, 0, height, width):
        return picture
    square = np.empty((side, side, *picture.shape[2:]), np.uint8)
    square[:] = border_colour(picture)
    x0, x1 = max(left, 0), min(left + side, width)
    y0, y1 = max(top, 0), min(top + side, height)
    if x0 < x1 and y0 < y1:
        square[y0 - top : y1 - top, x0 - left : x1 - left] = picture[y0:y1, x0:x1]
    return square


def as_image(picture: np.ndarray) -> Image.Image:
    """A Pillow image of four bands that do not influence each other.

    Called CMYK, because Pillow multiplies an RGBA image's colours by its fourth band when scaling.
    """
    picture = np.ascontiguousarray(picture)
    size = (picture.shape[1], picture.shape[0])
    return Image.frombuffer("CMYK", size, picture.tobytes(), "raw", "CMYK", 0, 1)


def square_picture(
    picture: np.ndarray, size: int, fit: str, crop_to_object: bool, margin: float
) -> np.ndarray:
    """(size, size, 4) uint8.

    fit : "pad" keeps the proportions and fills up with the border colour; "squash" stretches.
    crop_to_object : first cut to the square around the mask, `margin` around it (always "pad").
    """
    if crop_to_object:
        picture = cut(picture, *object_square(picture[..., 3], margin))
    elif fit == "pad":
        picture = cut(picture, *frame_square(*picture.shape[:2]))
    if picture.shape[:2] == (size, size):
        return picture
    scaled = as_image(picture).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(scaled)


class PictureCache:
    """Keeps the first pictures it is given, up to a size; then reads the others again each time.

    (An epoch visits every picture once in random order: evicting would only lower the hit rate.)
    """

    def __init__(self, limit_mib: float) -> None:
        self.limit = int(limit_mib * 2**20)
        self.size = 0
        self.hits = 0
        self._kept: dict[str, np.ndarray] = {}

    def __getstate__(self) -> dict[str, object]:
        """Goes to another process empty."""
        return {"limit": self.limit, "size": 0, "hits": 0, "_kept": {}}

    def get(self, name: str, read: Callable[[], np.ndarray]) -> np.ndarray:
        """The picture called `name`, read by `read` if it is not kept. Do not write to it."""
        found = self._kept.get(name)
        if found is not None:
            self.hits += 1
            return found
        picture = read()
        if self.size + picture.nbytes <= self.limit:
            self._kept[name] = picture
            self.size += picture.nbytes
        return picture
