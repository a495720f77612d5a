"""Random changes of a query's colours and background; all off unless the config turns them on.

A picture is (H, W, 4) uint8, RGB and mask. Each function returns a new picture.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def _with_rgb(picture: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    changed = picture.copy()
    changed[..., :3] = np.clip(np.rint(rgb), 0, 255)
    return changed


def colour_jitter(
    picture: np.ndarray, brightness: float, contrast: float, saturation: float
) -> np.ndarray:
    """Scales by each factor (1: unchanged) about black, the mean gray, and the pixel's gray."""
    rgb = picture[..., :3].astype(np.float32) * brightness
    mean = float((rgb @ LUMA).mean())
    rgb = mean + (rgb - mean) * contrast
    gray = (rgb @ LUMA)[..., None]
    return _with_rgb(picture, gray + (rgb - gray) * saturation)


def grayscale(picture: np.ndarray) -> np.ndarray:
    """All three channels the luma."""
    return _with_rgb(picture, np.repeat((picture[..., :3] @ LUMA)[..., None], 3, axis=2))


def blur(picture: np.ndarray, radius: float) -> np.ndarray:
    """Gaussian blur of the colours, `radius` in pixels."""
    image = Image.fromarray(np.ascontiguousarray(picture[..., :3]))
    soft = image.filter(ImageFilter.GaussianBlur(radius))
    return _with_rgb(picture, np.asarray(soft, np.float32))


def random_background(rng: np.random.Generator, size: int) -> np.ndarray:
    """(size, size, 3) float32: a smooth random pattern of a few colours."""
    cells = int(rng.integers(1, 9))
    colours = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    return np.asarray(
        Image.fromarray(colours).resize((size, size), Image.Resampling.BICUBIC), np.float32
    )


def replace_background(picture: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The object as the mask says, over (H, W, 3) `background`."""
    alpha = picture[..., 3:].astype(np.float32) / 255
    return _with_rgb(picture, picture[..., :3] * alpha + background * (1 - alpha))


def random_photometric(
    picture: np.ndarray,
    rng: np.random.Generator,
    jitter: float,
    gray: float,
    blurred: float,
    background: float,
) -> np.ndarray:
    """The changes above, each with its probability (`jitter`: strength; 0: never)."""
    size = picture.shape[0]
    if rng.random() < background:
        picture = replace_background(picture, random_background(rng, size))
    if jitter > 0:
        picture = colour_jitter(picture, *rng.uniform(1 - jitter, 1 + jitter, 3))
    if rng.random() < gray:
        picture = grayscale(picture)
    if rng.random() < blurred:
        picture = blur(picture, float(rng.uniform(0.5, 2.0)) * size / 224)
    return picture
