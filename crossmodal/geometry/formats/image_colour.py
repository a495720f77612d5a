"""Light and colours: sRGB and linear light, and the mean colour of a texture."""

from __future__ import annotations

import io
import warnings
from typing import NamedTuple

import numpy as np

STEPS = 1 << 16  # of linear light that are told apart; sRGB has 3300 at its darkest


class Mean(NamedTuple):
    """linear : (3,) mean colour in linear light, None if unknown; pixels : looked at for it"""

    linear: np.ndarray | None
    pixels: int


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """uint8 sRGB of linear light 0..1, of any shape (IEC 61966-2-1)."""
    return _TO_SRGB[(linear * (STEPS - 1) + 0.5).astype(np.uint16)]


def mean_colour(image: bytes | memoryview, most_pixels: int) -> Mean:
    """The mean colour of a PNG or JPEG, none of one with more pixels, or a broken one."""
    from PIL import Image  # not needed for most meshes

    pixels = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(image), formats=("PNG", "JPEG")) as picture:
                if not 0 < picture.width * picture.height <= most_pixels:
                    return Mean(None, 0)
                pixels = picture.width * picture.height
                picture.draft("RGB", (64, 64))  # a JPEG is decoded at an eighth of its size
                counts = np.array(picture.convert("RGB").histogram(), np.float64).reshape(3, 256)
    except Exception:  # noqa: BLE001 - a broken texture, in whatever way, costs a colour only
        return Mean(None, pixels)
    return Mean(counts @ _LINEAR / counts[0].sum(), pixels)


def _to_srgb(linear: np.ndarray) -> np.ndarray:
    bright = 1.055 * np.power(linear, 1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, bright)


def _to_linear(srgb: np.ndarray) -> np.ndarray:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


_TO_SRGB = np.rint(255 * _to_srgb(np.arange(STEPS) / (STEPS - 1))).astype(np.uint8)
_LINEAR = _to_linear(np.arange(256) / 255)
