"""A decoded picture as arrays: colours, gray, opacity; a band of rows at a time.

The largest picture that is read has 120 million pixels, and each copy of it takes half a GiB.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable

import numpy as np
from PIL import Image

BAND = 1 << 22  # pixels that are converted at once
TOPS = (255.0, 4095.0, 65535.0)  # what white may be in gray of more than 8 bits


def rgb_of(image: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8; what is transparent becomes white."""
    if image.mode.startswith(("I", "F")):
        return np.repeat(gray_of(image)[:, :, None], 3, axis=2)
    return _in_bands(image, _on_white if has_alpha(image) else _converted("RGB"), 3)


def rgba_of(image: Image.Image) -> np.ndarray:
    """(H, W, 4) uint8, as Pillow converts it."""
    return _in_bands(image, _converted("RGBA"), 4)


def opacity_of(image: Image.Image) -> np.ndarray:
    """(H, W) uint8 opacity."""
    return _in_bands(image, lambda band: band.convert("RGBA").getchannel("A"))


def mask_of(image: Image.Image) -> np.ndarray:
    """(H, W) uint8: the opacity where that says anything, with black and white gray, else gray."""
    if not has_alpha(image):
        return gray_of(image)
    alpha = opacity_of(image)
    gray = _in_bands(image, lambda band: band.convert("RGBA").convert("RGB").convert("L"))
    if alpha.min() == 255:
        return gray
    black_and_white = gray.min() == 0 and gray.max() == 255 and ((gray == 0) | (gray == 255)).all()
    return np.minimum(gray, alpha) if black_and_white else alpha


def gray_of(image: Image.Image) -> np.ndarray:
    """(H, W) uint8; of more than 8 bits, scaled by the least usual white that is no darker.

    Raises ValueError for pixels that are no gray value.
    """
    if not image.mode.startswith(("I", "F")):
        return _in_bands(image, _converted("L"))
    largest = 0.0
    for _, band in _bands(image):
        values = np.asarray(band, np.float64)
        if not np.isfinite(values).all() or values.min() < 0:
            raise ValueError("pixels that are no gray value")
        largest = max(largest, values.max())
    tops = (1.0, *TOPS) if image.mode == "F" else TOPS
    factor = 255 / next((top for top in tops if largest <= top), largest)
    return _in_bands(image, lambda band: np.clip(
        np.asarray(band, np.float64) * factor, 0, 255).astype(np.uint8))


def has_alpha(image: Image.Image) -> bool:
    """Whether a picture says of its pixels how transparent they are."""
    return "A" in image.getbands() or "transparency" in image.info


def _on_white(band: Image.Image) -> Image.Image:
    band = band.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", band.size, "white"), band).convert("RGB")


def _converted(mode: str) -> Callable[[Image.Image], Image.Image]:
    return lambda band: band.convert(mode)


def _in_bands(image: Image.Image, convert: Callable[[Image.Image], object],
              depth: int | None = None) -> np.ndarray:
    """(H, W) or (H, W, depth) uint8: what `convert` makes of the picture."""
    shape = (image.height, image.width) if depth is None else (image.height, image.width, depth)
    result = np.empty(shape, np.uint8)
    for rows, band in _bands(image):
        result[rows] = np.asarray(convert(band))
    return result


def _bands(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    height = max(1, BAND // max(image.width, 1))
    for top in range(0, image.height, height):
        bottom = min(top + height, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))
