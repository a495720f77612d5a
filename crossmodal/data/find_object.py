"""Finds the object in a picture that shows it on a plain background, as product photos do.

The background's colour may change evenly across the picture (a vignette, a lamp on one side): a
plane is fitted to each channel along the border, leaving out what does not follow it. What differs
from that and is not connected to the border is the object.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

SIDE = 320  # longest side of the picture that is worked on, pixels
BORDER = 0.02  # width of the border, as a part of the shorter side
LEAST_PLAIN = 0.6  # part of the border that must be background; the object may touch the rest
LEAST_CONTRAST = 12.0  # levels of 255 by which the object differs from the background
LARGEST_NOISE = 8.0  # levels; a rougher border is no plain background
LEAST_OBJECT, LARGEST_OBJECT = 0.003, 0.95  # object's part of the picture
LEAST_PART = 0.1  # parts of the object, of the largest one's area; smaller ones are specks
LEAST_HOLE = 0.0005  # holes through which the background is seen, of the picture's area


def find_object(rgb: np.ndarray) -> np.ndarray | None:
    """(H, W) uint8 mask, 255 = object, of a (H, W, 3) uint8 picture; None: no plain background."""
    height, width = rgb.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if min(size) < 8:
        return None
    small = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX), np.float32)
    difference, noise = _difference_from_background(small)
    if noise > LARGEST_NOISE:
        return None
    contrast = max(LEAST_CONTRAST, 5.0 * noise)
    mask = _object_mask(difference, contrast)
    if not LEAST_OBJECT <= mask.mean() <= LARGEST_OBJECT or not _is_plain(difference, contrast):
        return None
    full = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
    grown = np.asarray(full.resize((width, height), Image.Resampling.BILINEAR))
    return np.where(grown > 127, np.uint8(255), np.uint8(0))


def _border(height: int, width: int) -> np.ndarray:
    """(H, W) bool: the pixels along the border."""
    thick = max(1, round(BORDER * min(height, width)))
    border = np.ones((height, width), bool)
    border[thick:-thick, thick:-thick] = False
    return border


def _difference_from_background(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """(H, W) largest difference of a channel from the background's plane, and its usual size."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    terms = np.stack([np.ones_like(x), x, y], axis=2).astype(np.float32)
    border = _border(height, width)
    samples, places = picture[border], terms[border]
    keep = np.abs(samples - np.median(samples, axis=0)).max(1)
    keep = keep <= max(float(np.quantile(keep, LEAST_PLAIN)), 2.0)
    for _ in range(4):
        plane = np.linalg.lstsq(places[keep], samples[keep], rcond=None)[0]
        away = np.abs(samples - places @ plane).max(1)
        keep = away <= max(3.0 * float(np.median(away[keep])), 2.0)
    difference = np.abs(picture - terms @ plane).max(2)
    return difference, float(np.median(away[keep])) * 1.4826


def _is_plain(difference: np.ndarray, contrast: float) -> bool:
    border = _border(*difference.shape)
    return float((difference[border] <= contrast).mean()) >= LEAST_PLAIN


def _object_mask(difference: np.ndarray, contrast: float) -> np.ndarray:
    """(H, W) bool: what is not background connected to the border, cleaned up."""
    solid = ndimage.binary_closing(np.pad(difference > contrast, 2))[2:-2, 2:-2]
    mask = ndimage.binary_fill_holes(solid) & ~_holes(solid, difference, contrast)
    opened = ndimage.binary_opening(mask)
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    if count == 0:
        return mask
    areas = np.bincount(parts.ravel(), weights=mask.ravel(), minlength=count + 1)
    thick = np.unique(parts[opened])  # a hair alone is no object
    large = [i for i in thick if i and areas[i] >= LEAST_PART * areas[1:].max()]
    return np.isin(parts, large)


def _holes(solid: np.ndarray, difference: np.ndarray, contrast: float) -> np.ndarray:
    """(H, W) bool: enclosed regions that look just like the background, not like a pale part."""
    enclosed, count = ndimage.label(ndimage.binary_fill_holes(solid) & ~solid)
    if count == 0:
        return np.zeros(solid.shape, bool)
    numbers = np.arange(1, count + 1)
    usual = ndimage.mean(difference, enclosed, numbers)
    areas = np.bincount(enclosed.ravel(), minlength=count + 1)[1:]
    real = (usual <= contrast / 4) & (areas >= LEAST_HOLE * solid.size)
    return np.isin(enclosed, numbers[real])
