"""Beds: single to king size, all kinds of headboard; some with drawers, a canopy, two levels."""

from __future__ import annotations

from dataclasses import dataclass

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
    tilted,
    tube,
)


@dataclass(frozen=True)
class Frame:
    """Sizes in metres: `base` is the height of the frame's top, `mattress` the thickness on it."""

    width: float
    length: float
    foot: float
    base: float
    mattress: float
    post: float

    @property
    def top(self) -> float:
        """Height of the mattress."""
        return self.base + self.mattress


def make_bed(rng: np.random.Generator) -> Mesh:
    """A random bed; the head is at -z."""
    foot = between(rng, 0.03, 0.25)
    frame = Frame(
        width=between(rng, 0.85, 1.0) if chance(rng, 0.35) else between(rng, 1.3, 2.0),
        length=between(rng, 1.85, 2.15),
        foot=foot,
        base=foot + between(rng, 0.08, 0.28),
        mattress=between(rng, 0.12, 0.32),
        post=between(rng, 0.02, 0.05),
    )
    head = between(rng, 0.2, 0.95)
    parts = _couch(rng, frame) + call(rng, FEET, frame.width, frame.length, frame.foot)
    if not chance(rng, 0.08):
        parts += call(rng, BOARDS, frame, head, -1)
    if chance(rng, 0.55):
        parts += call(rng, BOARDS, frame, head * between(rng, 0.2, 0.9), 1)
    style = one_of(rng, {"plain": 6.0, "canopy": 1.0, "bunk": 0.8 if frame.width < 1.1 else 0})
    if style == "canopy":
        parts += _canopy(rng, frame)
    if style == "bunk":
        parts += _bunk(rng, frame)
    if frame.base - frame.foot > 0.16 and chance(rng, 0.5):
        parts += _drawers(rng, frame)
    return merge(parts)


def _couch(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    """Frame, mattress, pillows and perhaps a blanket."""
    tall = frame.base - frame.foot
    over = between(rng, 0.0, 0.06)
    size = (frame.width + over, tall, frame.length + over)
    parts = [cushion(size, (0, frame.foot + tall / 2, 0), between(rng, 0.002, 0.05))]
    parts.append(_pad(frame, (0.98, frame.mattress, 0.98), frame.base, between(rng, 0.03, 0.09)))
    if chance(rng, 0.6):
        share = between(rng, 0.35, 0.75)
        blanket = _pad(frame, (1.02, 0.05, share), frame.top - 0.02, 0.024)
        parts.append(moved(blanket, (0, 0, frame.length * (0.99 - share) / 2)))
    return parts + _pillows(rng, frame)


def _pad(frame: Frame, size: tuple[float, float, float], low: float, soft: float) -> Mesh:
    """A cushion on the bed: width and length as shares of the frame's, thickness in metres."""
    full = (size[0] * frame.width, size[1], size[2] * frame.length)
    return cushion(full, (0, low + size[1] / 2, 0), soft)


def _pillows(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    columns = 1 if frame.width < 1.1 else whole(rng, 1, 3)
    rows = whole(rng, 0, 2)
    wide, deep = frame.width / columns * between(rng, 0.7, 0.92), between(rng, 0.35, 0.5)
    lean = between(rng, 5, 40)
    parts = []
    for row in range(rows):
        z = -frame.length / 2 + deep / 2 + 0.06 + row * deep * 0.7
        for x in ((np.arange(columns) + 0.5) / columns - 0.5) * frame.width:
            pillow = cushion((wide, 0.14, deep), (x, frame.top + 0.07, z), 0.065)
            parts.append(tilted(pillow, lean, (x, frame.top, z + deep / 2)))
    return parts


def _panel(rng: np.random.Generator, frame: Frame, tall: float, end: int) -> list[Mesh]:
    thick, wide = between(rng, 0.03, 0.12), frame.width * between(rng, 1.0, 1.15)
    high = frame.top + tall
    low = frame.foot * between(rng, 0, 1)
    z = end * (frame.length / 2 + thick / 2)
    soft = between(rng, 0.003, 0.05)
    return [cushion((wide, high - low, thick), (0, (high + low) / 2, z), soft)]


def _tiles(rng: np.random.Generator, frame: Frame, tall: float, end: int) -> list[Mesh]:
    """Padded squares or channels on a board."""
    columns, rows = whole(rng, 2, 8), whole(rng, 1, 3)
    wide, high = frame.width / columns, tall / rows
    z = end * (frame.length / 2 + 0.03)
    parts = [box((frame.width, frame.top + tall, 0.03), (0, (frame.top + tall) / 2, z))]
    for row in range(rows):
        for x in ((np.arange(columns) + 0.5) / columns - 0.5) * frame.width:
            centre = (x, frame.top + (row + 0.5) * high, z - end * 0.03)
            parts.append(cushion((wide * 0.96, high * 0.95, 0.09), centre, 0.04))
    return parts


def _bars(rng: np.random.Generator, frame: Frame, tall: float, end: int) -> list[Mesh]:
    """Posts with upright bars, or boards one above the other."""
    z, high = end * (frame.length / 2 + frame.post), frame.top + tall
    half = frame.width / 2
    parts = [rod((s * half, 0, z), (s * half, high + 0.04, z), frame.post) for s in (-1, 1)]
    if chance(rng, 0.5):
        count = whole(rng, 4, 14)
        rails = [box((frame.width, 0.05, 0.03), (0, y, z)) for y in (high - 0.02, frame.base)]
        places = np.linspace(-half, half, count + 2)[1:-1]
        return (
            parts + rails + [rod((x, frame.base, z), (x, high, z), 0.012, sides=6) for x in places]
        )
    count = whole(rng, 2, 5)
    step = (high - frame.base) / count
    share = between(rng, 0.4, 0.85)
    levels = frame.base + step * (np.arange(count) + 0.5)
    return parts + [box((frame.width, step * share, 0.03), (0, y, z)) for y in levels]


def _arch(rng: np.random.Generator, frame: Frame, tall: float, end: int) -> list[Mesh]:
    """A board with a round top, or a bow of tube with bars."""
    z, half = end * (frame.length / 2 + 0.03), frame.width / 2
    if chance(rng, 0.5):
        outline = ellipse(frame.width, 2 * tall, 2.5)
        half_outline = outline[outline[:, 1] < 1e-9]
        board = tilted(plate(half_outline, 0.05, (0, 0, 0)), 90, (0, 0, 0))
        lower = box((frame.width, frame.top, 0.05), (0, frame.top / 2, z))
        return [moved(board, (0, frame.top, z)), lower]
    angle = np.linspace(0, np.pi, 21)
    path = [(half * np.cos(a), frame.top + tall * np.sin(a) ** 0.6, z) for a in angle]
    parts = [tube(path, [0.025] * len(path), sides=8)]
    parts += [rod((s * half, 0, z), (s * half, frame.top, z), 0.025) for s in (-1, 1)]
    for share in np.linspace(-1, 1, whole(rng, 3, 9) + 2)[1:-1]:
        x, top = share * half, frame.top + tall * (1 - share**2) ** 0.3
        parts.append(rod((x, frame.base, z), (x, top, z), 0.01, sides=6))
    return parts


def _canopy(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    """Four high posts and a frame on top."""
    high, thick = between(rng, 1.5, 2.1), between(rng, 0.02, 0.04)
    x, z = frame.width / 2, frame.length / 2
    parts = [rod((a * x, 0, b * z), (a * x, high, b * z), thick) for a, b in legs.CORNERS]
    parts += [rod((-x, high, b * z), (x, high, b * z), thick) for b in (-1, 1)]
    return parts + [rod((a * x, high, -z), (a * x, high, z), thick) for a in (-1, 1)]


def _bunk(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    """A second bed above, with a rail and a ladder."""
    level = frame.top + between(rng, 0.75, 0.95)
    x, z = frame.width / 2, frame.length / 2
    parts = [box((frame.width, 0.12, frame.length), (0, level, 0))]
    parts.append(
        cushion((frame.width * 0.96, 0.15, frame.length * 0.96), (0, level + 0.13, 0), 0.05)
    )
    high = level + between(rng, 0.3, 0.45)
    parts += [box((0.06, high, 0.06), (a * x, high / 2, b * z)) for a, b in legs.CORNERS]
    parts += [box((0.03, 0.08, frame.length), (a * x, high - 0.05, 0)) for a in (-1, 1)]
    place = between(rng, -0.6, 0.6) * z
    for step in np.linspace(0.2, level, whole(rng, 4, 6)):
        parts.append(
            rod((x + 0.03, step, place - 0.2), (x + 0.03, step, place + 0.2), 0.015, sides=8)
        )
    sides = [place - 0.2, place + 0.2]
    return parts + [rod((x + 0.03, 0, end), (x + 0.03, high, end), 0.02, sides=8) for end in sides]


def _drawers(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    """Drawer fronts along the sides."""
    count, tall = whole(rng, 1, 4), (frame.base - frame.foot) * 0.7
    y, long = (frame.base + frame.foot) / 2, frame.length * 0.9 / count
    parts = []
    for z in ((np.arange(count) + 0.5) / count - 0.5) * frame.length * 0.9:
        for side in (-1, 1):
            x = side * (frame.width / 2 + 0.03)
            parts.append(box((0.03, tall, long * 0.94), (x, y, z)))
            parts.append(box((0.03, 0.02, long * 0.3), (x + side * 0.025, y, z)))
    return parts


FEET = {"blocks": legs.block_feet, "blocks again": legs.block_feet, "four": legs.four_legs}
BOARDS = {"panel": _panel, "tiles": _tiles, "bars": _bars, "bars again": _bars, "arch": _arch}
