"""Procedural patterns in object space: what colour a material has at a point.

Everything is a function of points (P, 3) float32 in the unit sphere; smooth noise comes from one
fixed lattice, so a pattern is the same on every machine.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
from scipy.ndimage import map_coordinates

_CELLS = 32
_LATTICE = (
    np.random.Generator(np.random.Philox(20240)).random((_CELLS, _CELLS, _CELLS)).astype(np.float32)
)
_ALONG_GRAIN = np.array([0.4, 1, 1], np.float32)
_FINE_GRAIN = np.array([0.05, 1, 1], np.float32)

Pattern = Callable[[np.ndarray, float, np.ndarray], np.ndarray]


def noise(points: np.ndarray, frequency: float) -> np.ndarray:
    """(P,) float32 smooth noise in 0..1, about `frequency` bumps per unit length."""
    coordinates = points.T.astype(np.float32) * np.float32(frequency) + np.float32(7.3)
    return map_coordinates(_LATTICE, coordinates, order=1, mode="grid-wrap", output=np.float32)


def plain(points: np.ndarray, frequency: float, colours: np.ndarray) -> np.ndarray:
    """(P, 3) one colour with a hint of unevenness."""
    tone = 0.96 + 0.08 * noise(points, 2 + frequency)
    return colours[0] * tone[:, None]


def wood(points: np.ndarray, frequency: float, colours: np.ndarray) -> np.ndarray:
    """(P, 3) year rings around the x axis, warped, with fine grain along it."""
    warp = noise(points * _ALONG_GRAIN, 2.5)
    radius = np.hypot(points[:, 1] + 0.31, points[:, 2] - 0.17)
    rings = 0.5 + 0.5 * np.sin(6.2832 * (frequency * radius + 1.5 * warp))
    grain = noise(points * _FINE_GRAIN, 45)
    return _mix(colours, 0.5 * rings + 0.5 * grain)


def fabric(points: np.ndarray, frequency: float, colours: np.ndarray) -> np.ndarray:
    """(P, 3) a fine weave of two similar threads."""
    weave = np.sin(points[:, 0] * 110) * np.sin(points[:, 1] * 110) * np.sin(points[:, 2] * 110 + 1)
    tone = 0.9 + 0.12 * weave + 0.12 * (noise(points, 3 + frequency) - 0.5)
    return colours[0] * tone[:, None]


def stripes(points: np.ndarray, frequency: float, colours: np.ndarray) -> np.ndarray:
    """(P, 3) two alternating bands across the x axis."""
    return _mix(colours, (np.sin(points[:, 0] * frequency * 5) > 0).astype(np.float32))


def checks(points: np.ndarray, frequency: float, colours: np.ndarray) -> np.ndarray:
    """(P, 3) a tartan of two colours and their mean."""
    across = (np.sin(points[:, :2] * frequency * 6) > 0).mean(1).astype(np.float32)
    return _mix(colours, across)


def stone(points: np.ndarray, frequency: float, colours: np.ndarray) -> np.ndarray:
    """(P, 3) speckles and clouds."""
    cloud = 0.6 * noise(points, 1.5 * frequency) + 0.4 * noise(points, 30)
    return _mix(colours, np.clip((cloud - 0.3) * 2, 0, 1))


def patches(points: np.ndarray, frequency: float, colours: np.ndarray) -> np.ndarray:
    """(P, 3) blocks of colour, like books, tiles or printed labels."""
    cell = np.floor(points * np.float32(frequency * 2)).astype(np.int64) % _CELLS
    value = _LATTICE[cell[:, 0], cell[:, 1], cell[:, 2]]
    return colours[(value * len(colours)).astype(np.int64)]


PATTERNS: dict[str, Pattern] = {
    "plain": plain,
    "wood": wood,
    "fabric": fabric,
    "stripes": stripes,
    "checks": checks,
    "stone": stone,
    "patches": patches,
}


def _mix(colours: np.ndarray, share: np.ndarray) -> np.ndarray:
    return colours[0] + (colours[1] - colours[0]) * share[:, None].astype(np.float32)
