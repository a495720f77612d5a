"""Gives a picture the colours of another one (Reinhard et al. 2001) in CIE L*a*b*.

CMIC's augmentation `is_color`: each picture of a batch takes the mean and the standard deviation of
L*, a*, b* of another one, chosen by a permutation.
"""

from __future__ import annotations

import numpy as np

# sRGB primaries and the D65 white point, IEC 61966-2-1.
RGB_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32
)
XYZ_TO_RGB = np.linalg.inv(RGB_TO_XYZ.astype(np.float64)).astype(np.float32)
WHITE = np.array([0.95047, 1.0, 1.08883], np.float32)
EPSILON = np.float32((6 / 29) ** 3)
SLOPE = np.float32((29 / 6) ** 2 / 3)
LEAST_STD = 1e-3
Statistics = tuple[np.ndarray, np.ndarray]


def _linear(values: np.ndarray) -> np.ndarray:
    high = ((values + 0.055) / 1.055) ** 2.4
    return np.where(values <= 0.04045, values / 12.92, high)


def _coded(linear: np.ndarray) -> np.ndarray:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


LINEAR = _linear(np.arange(256, dtype=np.float64) / 255).astype(np.float32)
LEVELS = 65535  # one step is 0.05 of a gray level where the curve is steepest
CODED = np.rint(_coded(np.arange(LEVELS + 1) / LEVELS) * 255).astype(np.uint8)


def rgb_to_lab(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) float32 L* in 0..100, a*, b* of (..., 3) uint8 sRGB."""
    xyz = LINEAR[rgb] @ RGB_TO_XYZ.T / WHITE
    root = np.where(xyz > EPSILON, np.cbrt(xyz), xyz * SLOPE + np.float32(4 / 29))
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def lab_to_rgb(lab: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 sRGB, clipped to the gamut, of (..., 3) L*a*b*."""
    y = (lab[..., 0] + 16) / 116
    root = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = np.where(root > 6 / 29, root**3, (root - 4 / 29) / SLOPE) * WHITE
    linear = np.clip(xyz @ XYZ_TO_RGB.T, 0, 1)
    return CODED[np.rint(linear * LEVELS).astype(np.uint16)]


def statistics(lab: np.ndarray) -> Statistics:
    """(3,) mean and (3,) standard deviation over the pixels."""
    flat = lab.reshape(-1, 3)
    return flat.mean(axis=0, dtype=np.float64), flat.std(axis=0, dtype=np.float64)


def transfer(rgb: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: `rgb` with the L*a*b* statistics of `other`."""
    lab = rgb_to_lab(rgb)
    return _recolour(lab, statistics(lab), statistics(rgb_to_lab(other)))


def _recolour(lab: np.ndarray, now: Statistics, wanted: Statistics) -> np.ndarray:
    factor = wanted[1] / np.maximum(now[1], LEAST_STD)
    offset = wanted[0] - now[0] * factor
    return lab_to_rgb(lab * factor.astype(np.float32) + offset.astype(np.float32))


def transfer_batch(pictures: list[np.ndarray], order: np.ndarray) -> list[np.ndarray]:
    """Each (H, W, 4) picture with the colours of picture ``order[i]``; masks stay."""
    labs = [rgb_to_lab(picture[..., :3]) for picture in pictures]
    known = [statistics(lab) for lab in labs]
    return [np.dstack([_recolour(labs[i], known[i], known[j]), picture[..., 3]])
            for i, (picture, j) in enumerate(zip(pictures, order))]
