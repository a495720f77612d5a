"""Sofas: one to four seats, with or without arms and a chaise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crossmodal.geometry.mesh import Mesh, merge
from crossmodal.prepare.parametric import legs
from crossmodal.prepare.parametric.draws import between, call, chance, one_of, whole
from crossmodal.prepare.parametric.solids import box, cushion, moved, rod, tilted


@dataclass(frozen=True)
class Frame:
    """Sizes in metres: the seating is `width` x `depth`, its base from `foot` to `base`."""

    seats: int
    width: float
    depth: float
    foot: float
    base: float
    pad: float
    back: float
    soft: float

    @property
    def seat(self) -> float:
        """Height of the top of the seat cushions."""
        return self.base + self.pad


def make_sofa(rng: np.random.Generator) -> Mesh:
    """A random sofa."""
    seats = whole(rng, 1, 4)
    foot = between(rng, 0.02, 0.2)
    frame = Frame(
        seats=seats,
        width=seats * between(rng, 0.55, 0.75),
        depth=between(rng, 0.6, 0.95),
        foot=foot,
        base=foot + between(rng, 0.08, 0.24),
        pad=between(rng, 0.08, 0.22),
        back=between(rng, 0.25, 0.65),
        soft=between(rng, 0.01, 0.09),
    )
    arm = between(rng, 0.06, 0.28)
    kind = one_of(rng, dict.fromkeys(ARMS, 1.0))
    sides = {"both": (-1, 1), "left": (-1,), "right": (1,), "none": ()}[
        one_of(rng, {"both": 6.0, "left": 0.8, "right": 0.8, "none": 1.0})
    ]
    whole_width = frame.width + arm * len(sides)
    middle = arm * sum(sides) / 2
    size = (whole_width, frame.base - frame.foot, frame.depth)
    parts = [cushion(size, (middle, (frame.base + frame.foot) / 2, 0), min(frame.soft, 0.04))]
    feet = call(rng, FEET, whole_width, frame.depth, frame.foot)
    parts += [moved(part, (middle, 0, 0)) for part in feet]
    parts += _seat_cushions(rng, frame) + call(rng, BACKS, frame)
    for side in sides:
        parts += ARMS[kind](side, arm, 0.1 + 0.3 * rng.random(), frame)
    if seats > 1 and chance(rng, 0.3):
        parts += _chaise(rng, frame)
    return merge(parts + _pillows(rng, frame))


def _seat_cushions(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    """One long cushion, or one for each seat."""
    count = frame.seats if chance(rng, 0.7) else 1
    wide, over = frame.width / count, between(rng, 0, 0.05)
    size = (wide * 0.985, frame.pad, frame.depth + over)
    y = frame.base + frame.pad / 2
    return [cushion(size, (x, y, over / 2), frame.soft) for x in _places(frame.width, count)]


def _cushion_back(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    """A low frame behind, and a leaning cushion for each seat."""
    thick, lean = between(rng, 0.12, 0.24), between(rng, 4, 16)
    tall = frame.base + frame.back * between(rng, 0.5, 1.0) - frame.foot
    z = -frame.depth / 2
    parts = [
        cushion(
            (frame.width, tall, 0.1), (0, frame.foot + tall / 2, z + 0.05), min(frame.soft, 0.04)
        )
    ]
    for x in _places(frame.width, frame.seats):
        size = (frame.width / frame.seats * 0.97, frame.back, thick)
        pad = cushion(size, (x, frame.seat + frame.back / 2, z + 0.1 + thick / 2), frame.soft)
        parts.append(tilted(pad, -lean, (x, frame.seat, z + 0.1 + thick)))
    return parts


def _solid_back(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    """One block, straight or leaning."""
    thick, lean = between(rng, 0.08, 0.28), between(rng, 0, 12)
    low = frame.foot
    tall = frame.seat + frame.back - low
    pad = cushion(
        (frame.width, tall, thick), (0, low + tall / 2, thick / 2 - frame.depth / 2), frame.soft
    )
    return [tilted(pad, -lean, (0, low, -frame.depth / 2))]


def _channel_back(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    """Upright rolls side by side."""
    count = frame.seats * whole(rng, 3, 6)
    wide = frame.width / count
    tall, low = frame.seat + frame.back - frame.base, frame.base
    thick = between(rng, 0.1, 0.2)
    return [
        cushion((wide, tall, thick), (x, low + tall / 2, thick / 2 - frame.depth / 2), wide / 2.2)
        for x in _places(frame.width, count)
    ]


def _slat_back(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    """A wooden frame with bars."""
    top, z = frame.seat + frame.back, -frame.depth / 2 + 0.02
    count = frame.seats * whole(rng, 4, 8)
    parts = [box((frame.width, 0.06, 0.04), (0, top - 0.03, z))]
    for x in np.linspace(-1, 1, count) * (frame.width / 2 - 0.02):
        parts.append(rod((x, frame.foot, z), (x, top, z), 0.012, sides=6))
    return parts


def _box_arm(side: int, wide: float, above: float, frame: Frame) -> list[Mesh]:
    tall = frame.seat + above * 0.7 - frame.foot
    centre = (side * (frame.width + wide) / 2, frame.foot + tall / 2, 0)
    return [cushion((wide, tall, frame.depth), centre, min(frame.soft, wide / 3))]


def _roll_arm(side: int, wide: float, above: float, frame: Frame) -> list[Mesh]:
    x, level = side * (frame.width + wide) / 2, frame.seat + above * 0.4
    radius = max(wide * 0.62, 0.06)
    tall = level - frame.foot
    wall = box((wide * 0.8, tall, frame.depth * 0.96), (x, frame.foot + tall / 2, 0))
    half = frame.depth / 2
    return [wall, rod((x, level, -half), (x, level, half), radius, sides=20)]


def _sloped_arm(side: int, wide: float, above: float, frame: Frame) -> list[Mesh]:
    x, tall = side * (frame.width + wide) / 2, frame.seat - frame.foot
    low = cushion((wide, tall, frame.depth), (x, frame.foot + tall / 2, 0), 0.02)
    size = (wide, above, frame.depth * 0.98)
    high = cushion(size, (x, frame.seat + 0.3 * above, 0), min(frame.soft, wide / 3))
    steepest = np.degrees(np.arcsin(0.4 * frame.seat / frame.depth))  # stays above the floor
    return [low, tilted(high, min(8 + 20 * above, steepest), (x, frame.seat, -frame.depth / 2))]


def _thin_arm(side: int, wide: float, above: float, frame: Frame) -> list[Mesh]:
    x, level = side * (frame.width / 2 + wide / 2), frame.seat + 0.5 * above
    half = frame.depth / 2 - 0.03
    top = box((wide * 0.8, 0.03, frame.depth), (x, level, 0))
    posts = [rod((x, frame.foot, z), (x, level, z), 0.02, sides=10) for z in (-half, half)]
    return [top, *posts]


def _chaise(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    """A longer seat at one end."""
    side = 1 if chance(rng, 0.5) else -1
    wide, long = frame.width / frame.seats, between(rng, 0.4, 0.8)
    x, z = side * (frame.width - wide) / 2, frame.depth / 2 + long / 2
    base = cushion(
        (wide, frame.base - frame.foot, long), (x, (frame.base + frame.foot) / 2, z), 0.02
    )
    pad = cushion((wide * 0.985, frame.pad, long), (x, frame.base + frame.pad / 2, z), frame.soft)
    half = wide / 2 - 0.06
    ends = [(x + end * half, z + long / 2 - 0.06) for end in (-1, 1)]
    return [base, pad, *[rod((a, 0, b), (a, frame.base, b), 0.025) for a, b in ends]]


def _pillows(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    """Up to three loose pillows against the back."""
    parts = []
    for _ in range(whole(rng, 0, 3) if chance(rng, 0.4) else 0):
        side = between(rng, 0.3, 0.45)
        x = between(rng, -0.5, 0.5) * max(frame.width - side, 0)
        middle = (x, frame.seat + side / 2, -frame.depth / 2 + 0.36)
        pillow = cushion((side, side, 0.13), middle, 0.06)
        parts.append(tilted(pillow, -between(rng, 12, 25), (x, frame.seat, middle[2])))
    return parts


def _places(width: float, count: int) -> np.ndarray:
    """Middles of `count` equal stretches of a width around 0."""
    return ((np.arange(count) + 0.5) / count - 0.5) * width


FEET = {
    "blocks": legs.block_feet,
    "blocks again": legs.block_feet,
    "sled": legs.sled,
    "four": legs.four_legs,
}
BACKS = {
    "cushions": _cushion_back,
    "solid": _solid_back,
    "channels": _channel_back,
    "slats": _slat_back,
}
ARMS = {"box": _box_arm, "roll": _roll_arm, "sloped": _sloped_arm, "thin": _thin_arm}
