"""Tables: dining, coffee and bedside tables and desks."""

from __future__ import annotations

import numpy as np

from crossmodal.geometry.mesh import Mesh, merge
from crossmodal.prepare.parametric import legs
from crossmodal.prepare.parametric.draws import between, call, chance, one_of, whole
from crossmodal.prepare.parametric.solids import (
    box,
    cushion,
    ellipse,
    moved,
    plate,
    rod,
    trapezoid,
)

SIZES = {  # kind: width, depth, height ranges in metres
    "dining": ((1.2, 2.2), (0.75, 1.05), (0.7, 0.78)),
    "coffee": ((0.7, 1.3), (0.45, 0.8), (0.3, 0.5)),
    "side": ((0.35, 0.6), (0.35, 0.6), (0.45, 0.7)),
    "desk": ((1.0, 1.7), (0.55, 0.8), (0.7, 0.78)),
    "bar": ((0.55, 1.2), (0.5, 0.7), (0.95, 1.1)),
}


def make_table(rng: np.random.Generator) -> Mesh:
    """A random table."""
    ranges = SIZES[one_of(rng, dict.fromkeys(SIZES, 1.0))]
    width, depth, height = (between(rng, *limits) for limits in ranges)
    thick = between(rng, 0.015, 0.08)
    under = height - thick
    square = chance(rng, 0.6)
    parts = [
        moved(part, (0, height - thick / 2, 0)) for part in _top(rng, width, depth, thick, square)
    ]
    reach = 1.0 if square else 0.72
    parts += call(rng, STANDS, width * reach, depth * reach, under)
    if square and chance(rng, 0.5):
        parts += call(rng, STORAGE, width, depth, under)
    elif chance(rng, 0.35):
        level = under * between(rng, 0.15, 0.5)
        shelf = (width * reach * 0.85, 0.02, depth * reach * 0.8)
        parts.append(box(shelf, (0, level, 0)))
    return merge(parts)


def _top(
    rng: np.random.Generator, width: float, depth: float, thick: float, square: bool
) -> list[Mesh]:
    """The table top around the origin."""
    if not square:
        side = max(depth, 0.7 * width) if chance(rng, 0.5) else depth
        power = 2.0 if chance(rng, 0.7) else between(rng, 2.5, 4)
        round_width = side if chance(rng, 0.5) else width
        return [plate(ellipse(round_width, side, power, 48), thick, (0, 0, 0))]
    style = one_of(rng, {"plain": 1.5, "soft": 1.0, "planks": 0.7, "tapered": 0.4})
    if style == "soft":
        return [cushion((width, thick, depth), (0, 0, 0), between(rng, 0.2, 0.49) * thick)]
    if style == "tapered":
        return [plate(trapezoid(width, width * between(rng, 0.6, 0.85), depth), thick, (0, 0, 0))]
    if style == "planks":
        count = whole(rng, 3, 8)
        step = depth / count
        places = -depth / 2 + step * (np.arange(count) + 0.5)
        return [box((width, thick, step * 0.88), (0, 0, z)) for z in places]
    return [box((width, thick, depth), (0, 0, 0))]


def _apron(rng: np.random.Generator, width: float, depth: float, under: float) -> list[Mesh]:
    tall = between(rng, 0.05, 0.14)
    inset, y = between(rng, 0.03, 0.1), under - tall / 2
    x, z = width / 2 - inset, depth / 2 - inset
    parts = [box((2 * x, tall, 0.02), (0, y, side * z)) for side in (-1, 1)]
    return parts + [box((0.02, tall, 2 * z), (side * x, y, 0)) for side in (-1, 1)]


def _drawers(rng: np.random.Generator, width: float, depth: float, under: float) -> list[Mesh]:
    """A row of drawers under the top."""
    count, tall = whole(rng, 1, 4), between(rng, 0.08, min(0.2, 0.4 * under))
    wide = width * between(rng, 0.85, 0.98)
    y = under - tall / 2
    parts = [box((wide, tall, depth * 0.85), (0, y, -0.02))]
    places = (np.arange(count) + 0.5) / count * wide - wide / 2
    return parts + _fronts(rng, [(x, y) for x in places], wide / count, tall, depth * 0.425 - 0.02)


def _cabinet(rng: np.random.Generator, width: float, depth: float, under: float) -> list[Mesh]:
    """A block of drawers or a door at one side, or at both."""
    wide = width * between(rng, 0.22, 0.36)
    tall = under * between(rng, 0.55, 0.97)
    rows = whole(rng, 1, 4)
    parts: list[Mesh] = []
    sides = one_of(rng, {"left": 1.0, "right": 1.0, "both": 1.0})
    for side in {"left": (-1,), "right": (1,), "both": (-1, 1)}[sides]:
        x, low = side * (width / 2 - wide / 2 - 0.01), under - tall
        parts.append(box((wide, tall, depth * 0.85), (x, low + tall / 2, -0.02)))
        places = [(x, low + tall * (row + 0.5) / rows) for row in range(rows)]
        parts += _fronts(rng, places, wide, tall / rows, depth * 0.425 - 0.02)
    return parts


def _fronts(
    rng: np.random.Generator, places: list[tuple[float, float]], wide: float, tall: float, z: float
) -> list[Mesh]:
    """Drawer fronts with knobs or bars, at (x, y) places."""
    knobs = chance(rng, 0.5)
    parts = []
    for x, y in places:
        parts.append(box((wide * 0.94, tall * 0.9, 0.02), (x, y, z + 0.01)))
        if knobs:
            parts.append(rod((x, y, z + 0.02), (x, y, z + 0.045), 0.012, 0.018, sides=10))
        else:
            parts.append(box((wide * 0.4, 0.012, 0.02), (x, y + tall * 0.15, z + 0.035)))
    return parts


STANDS = {
    "four": legs.four_legs,
    "four again": legs.four_legs,
    "pedestal": legs.pedestal,
    "sled": legs.sled,
    "panels": legs.panels,
    "crossed": legs.crossed,
    "trestle": legs.trestle,
    "hairpins": legs.hairpins,
}
STORAGE = {"apron": _apron, "drawers": _drawers, "cabinet": _cabinet}
