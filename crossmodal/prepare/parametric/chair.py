"""Chairs: dining, arm, office and bar chairs and stools."""

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
    trapezoid,
    tube,
)


@dataclass(frozen=True)
class Frame:
    """Sizes all parts of a chair share, in metres; `seat` is the height of the seat's top."""

    width: float
    depth: float
    seat: float
    back: float
    thick: float


def make_chair(rng: np.random.Generator) -> Mesh:
    """A random chair."""
    bar = chance(rng, 0.2)
    frame = Frame(
        width=between(rng, 0.36, 0.62),
        depth=between(rng, 0.36, 0.56),
        seat=between(rng, 0.62, 0.8) if bar else between(rng, 0.36, 0.5),
        back=between(rng, 0.12, 0.35) if bar else between(rng, 0.28, 0.75),
        thick=between(rng, 0.02, 0.12),
    )
    under = frame.seat - frame.thick
    parts = _seat(rng, frame)
    parts += call(rng, STANDS, frame.width, frame.depth, under)
    if not chance(rng, 0.1):
        lean = between(rng, 0, 18)
        pivot = (0, frame.seat - frame.thick, -frame.depth / 2)
        parts += [tilted(part, -lean, pivot) for part in call(rng, BACKS, frame)]
        if chance(rng, 0.45):
            parts += call(rng, ARMS, frame)
    return merge(parts)


def _seat(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    centre = (0, frame.seat - frame.thick / 2, 0)
    style = one_of(
        rng, {"round": 1.0, "rounded": 1.0, "trapezoid": 1.0, "padded": 1.5, "slats": 0.7}
    )
    if style == "padded":
        size = (frame.width, frame.thick, frame.depth)
        return [cushion(size, centre, between(rng, 0.01, 0.06))]
    if style == "slats":
        count = whole(rng, 4, 9)
        step = frame.depth / count
        places = -frame.depth / 2 + step * (np.arange(count) + 0.5)
        return [box((frame.width, 0.02, step * 0.7), (0, frame.seat - 0.01, z)) for z in places]
    outline = {
        "round": ellipse(frame.width, frame.depth),
        "rounded": ellipse(frame.width, frame.depth, 5),
        "trapezoid": trapezoid(frame.width, frame.width * between(rng, 0.7, 0.95), frame.depth),
    }[style]
    return [plate(outline, frame.thick, centre)]


def _panel_back(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    width = frame.width * between(rng, 0.7, 1.05)
    gap = between(rng, 0, 0.4) * frame.back
    size = (width, frame.back - gap, between(rng, 0.02, 0.1))
    centre = (0, frame.seat + gap + size[1] / 2, -frame.depth / 2 + size[2] / 2)
    panel = cushion(size, centre, between(rng, 0.005, 0.05))
    return [panel, *_posts(frame, width * 0.8, frame.back * 0.8)] if gap > 0.02 else [panel]


def _oval_back(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    tall = frame.back * between(rng, 0.55, 0.95)
    disc = plate(ellipse(frame.width * between(rng, 0.7, 1.1), tall), 0.03, (0, 0, 0))
    upright = tilted(disc, 90, (0, 0, 0))
    middle = frame.seat + frame.back - tall / 2
    placed = moved(upright, (0, middle, -frame.depth / 2 + 0.02))
    return [placed, *_posts(frame, frame.width * 0.5, frame.back - tall * 0.6)]


def _upright_slats(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    count, width = whole(rng, 2, 9), frame.width * between(rng, 0.75, 1.0)
    top, z = frame.seat + frame.back, -frame.depth / 2 + 0.015
    rail = between(rng, 0.03, 0.09)
    wide = between(rng, 0.25, 0.7) * width / (count + 1)
    parts = [box((width, rail, 0.025), (0, top - rail / 2, z)), *_posts(frame, width, frame.back)]
    for x in np.linspace(-width / 2, width / 2, count + 2)[1:-1]:
        parts.append(box((wide, frame.back, 0.015), (x, frame.seat + frame.back / 2 - 0.01, z)))
    return parts


def _ladder(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    count, width = whole(rng, 1, 6), frame.width * between(rng, 0.8, 1.0)
    tall = frame.back / (count + 1) * between(rng, 0.3, 0.8)
    bow = between(rng, 0, 0.05)
    parts = _posts(frame, width, frame.back)
    for level in np.linspace(0, frame.back - tall, count + 1)[1:]:
        y, z = frame.seat + level + tall / 2, -frame.depth / 2 + 0.015
        for side in (-1, 1):
            rung = box((width / 2, tall, 0.02), (side * width / 4, y, z - bow / 2))
            parts.append(tilted(rung, side * np.degrees(bow / width * 2), (0, y, z - bow), "y"))
    return parts


def _hoop(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    angle = np.linspace(0, np.pi, 17)
    half, z = frame.width * between(rng, 0.4, 0.52), -frame.depth / 2 + 0.015
    path = [(half * np.cos(a), frame.seat + frame.back * np.sin(a) ** 0.7, z) for a in angle]
    parts = [tube(path, [0.015] * len(path), sides=8)]
    for share in np.linspace(-1, 1, whole(rng, 2, 7) + 2)[1:-1]:
        top = frame.seat + frame.back * (1 - share**2) ** 0.35
        parts.append(
            rod((share * half * 0.7, frame.seat, z), (share * half, top, z), 0.007, sides=6)
        )
    return parts


def _crossed_back(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    width, z = frame.width * between(rng, 0.8, 1.0), -frame.depth / 2 + 0.015
    low, high = frame.seat + 0.05, frame.seat + frame.back
    bar = between(rng, 0.01, 0.018)
    parts = [*_posts(frame, width, frame.back), box((width, 0.05, 0.025), (0, high - 0.025, z))]
    for side in (-1, 1):
        parts.append(rod((side * width / 2, low, z), (-side * width / 2, high, z), bar, sides=8))
    return parts


def _posts(frame: Frame, width: float, height: float) -> list[Mesh]:
    """Two uprights from under the seat."""
    z, low = -frame.depth / 2 + 0.015, frame.seat - frame.thick
    ends = [(side * (width / 2 - 0.015), low, z) for side in (-1, 1)]
    return [rod(end, (end[0], frame.seat + height, z), 0.015, sides=10) for end in ends]


def _rail_arms(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    level, long = frame.seat + between(rng, 0.16, 0.26), frame.depth * between(rng, 0.7, 1.0)
    wide, x = between(rng, 0.03, 0.08), frame.width / 2
    parts = []
    for side in (-1, 1):
        middle = -frame.depth / 2 + long / 2
        parts.append(cushion((wide, 0.03, long), (side * x, level, middle), 0.012))
        post = -frame.depth / 2 + long - 0.03
        parts.append(
            rod((side * x, frame.seat - frame.thick, post), (side * x, level, post), 0.014)
        )
    return parts


def _panel_arms(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    tall, wide = between(rng, 0.14, 0.28), between(rng, 0.03, 0.12)
    low = frame.seat - frame.thick
    size = (wide, tall + frame.thick, frame.depth * between(rng, 0.75, 1.0))
    centre = (frame.width / 2 + wide / 2, low + size[1] / 2, (size[2] - frame.depth) / 2)
    bend = between(rng, 0.005, wide / 2)
    return [cushion(size, (side * centre[0], *centre[1:]), bend) for side in (-1, 1)]


def _bent_arms(rng: np.random.Generator, frame: Frame) -> list[Mesh]:
    level, x = frame.seat + between(rng, 0.16, 0.26), frame.width / 2 + 0.01
    front, back = frame.depth * between(rng, 0.1, 0.4), -frame.depth / 2
    bar = between(rng, 0.009, 0.016)
    parts = []
    for side in (-1, 1):
        path = [(side * x, frame.seat - 0.02, front), (side * x, level - 0.05, front + 0.03)]
        path += [(side * x, level, front), (side * x, level, back)]
        parts.append(tube(path, [bar] * 4, sides=8))
    return parts


STANDS = {
    "four": legs.four_legs,
    "four again": legs.four_legs,
    "pedestal": legs.pedestal,
    "sled": legs.sled,
    "panels": legs.panels,
    "crossed": legs.crossed,
}
BACKS = {
    "panel": _panel_back,
    "oval": _oval_back,
    "slats": _upright_slats,
    "ladder": _ladder,
    "hoop": _hoop,
    "crossed": _crossed_back,
}
ARMS = {"rail": _rail_arms, "panel": _panel_arms, "bent": _bent_arms}
