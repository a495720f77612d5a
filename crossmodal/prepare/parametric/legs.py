"""What furniture stands on: legs, frames and pedestals under a rectangle of given size."""

from __future__ import annotations

from typing import Callable

import numpy as np

from crossmodal.geometry.mesh import Mesh
from crossmodal.prepare.parametric.draws import between, chance, one_of, whole
from crossmodal.prepare.parametric.solids import box, rod, tube, turned

CORNERS = ((1, 1), (1, -1), (-1, -1), (-1, 1))
Legs = Callable[[np.random.Generator, float, float, float], "list[Mesh]"]


def four_legs(rng: np.random.Generator, width: float, depth: float, height: float) -> list[Mesh]:
    """Four legs: square, round or tapered, upright or splayed, perhaps with stretchers."""
    thick = between(rng, 0.018, 0.045) * (1 + 0.4 * height)
    splay = between(rng, 0.1, 0.28) * height if chance(rng, 0.4) else 0.0
    style = one_of(rng, {"square": 1.0, "round": 1.0, "tapered": 1.0, "turned": 0.6})
    inset = thick + between(rng, 0, 0.06) * width
    feet = []
    parts = []
    for right, front in CORNERS:
        top = np.array([right * (width / 2 - inset), height, front * (depth / 2 - inset)])
        foot = top + [right * splay, -height, front * splay]
        feet.append((top, foot))
        parts += _leg(style, top, foot, thick)
    if chance(rng, 0.4) and height > 0.25:
        parts += _stretchers(rng, feet, thick)
    return parts


def panels(rng: np.random.Generator, width: float, depth: float, height: float) -> list[Mesh]:
    """Two side panels, perhaps joined by a back panel or a bar."""
    thick, inset = between(rng, 0.02, 0.05), between(rng, 0, 0.1) * width
    deep = depth * between(rng, 0.75, 1.0)
    x = width / 2 - inset - thick / 2
    parts = [box((thick, height, deep), (side * x, height / 2, 0)) for side in (-1, 1)]
    if chance(rng, 0.6):
        tall = height * between(rng, 0.15, 0.7)
        parts.append(box((2 * x, tall, 0.02), (0, height - tall / 2, -deep * between(rng, 0, 0.4))))
    return parts


def sled(rng: np.random.Generator, width: float, depth: float, height: float) -> list[Mesh]:
    """Two closed frames, of tube or flat bar, standing on runners."""
    thick, inset = between(rng, 0.01, 0.022), between(rng, 0.01, 0.08) * width
    x, z = width / 2 - inset - thick, depth / 2 - thick - between(rng, 0, 0.05) * depth
    lean = between(rng, 0, 0.15) * depth
    parts: list[Mesh] = []
    for side in (-1, 1):
        frame = [(side * x, height, z - lean), (side * x, thick, z), (side * x, thick, -z)]
        frame.append((side * x, height, lean - z))
        parts += _bars(frame, thick)
    if chance(rng, 0.6):
        parts += _bars([(-x, thick, -z), (x, thick, -z)], thick)
    return parts


def crossed(rng: np.random.Generator, width: float, depth: float, height: float) -> list[Mesh]:
    """An X of bars at each side, joined in the middle."""
    thick = between(rng, 0.015, 0.03)
    x, z = width / 2 - between(rng, 0.03, 0.15) * width, depth / 2 - thick
    parts: list[Mesh] = []
    for side in (-1, 1):
        parts += _bars([(side * x, height, z), (side * x, 0, -z)], thick)
        parts += _bars([(side * x, height, -z), (side * x, 0, z)], thick)
    return parts + _bars([(-x, height / 2, 0), (x, height / 2, 0)], thick * 0.8)


def hairpins(rng: np.random.Generator, width: float, depth: float, height: float) -> list[Mesh]:
    """Four V-shaped thin rods."""
    thick, spread = between(rng, 0.005, 0.01), between(rng, 0.05, 0.12)
    parts: list[Mesh] = []
    for right, front in CORNERS:
        foot = np.array([right * (width / 2 - 0.02), 0, front * (depth / 2 - 0.02)])
        for step in ([-right * spread, height, 0], [0, height, -front * spread]):
            parts.append(rod(foot, foot + step, thick, sides=6))
    return parts


def pedestal(rng: np.random.Generator, width: float, depth: float, height: float) -> list[Mesh]:
    """One column on a disc, a trumpet, a cross or a star with castors."""
    reach = min(width, depth) * between(rng, 0.32, 0.5)
    column = between(rng, 0.025, 0.06) * (0.5 + min(width, 1.0))
    style = one_of(rng, {"disc": 1.0, "trumpet": 1.0, "cross": 1.0, "star": 1.0})
    if style == "trumpet":
        steps = np.linspace(0, 1, 9)
        profile = [(column + (reach - column) * (1 - s) ** 4, s * height) for s in steps]
        return [turned(profile, (0, 0, 0))]
    parts = [rod((0, 0.02, 0), (0, height, 0), column, sides=16)]
    if style == "disc":
        return [*parts, turned([(reach, 0), (reach, 0.015), (column, 0.05)], (0, 0, 0))]
    arms = 5 if style == "star" else 4
    for angle in np.arange(arms) * 2 * np.pi / arms + (np.pi / 4 if style == "cross" else 0):
        end = (reach * np.sin(angle), 0.04, reach * np.cos(angle))
        parts.append(rod((0, 0.09, 0), end, 0.025, 0.015, sides=8))
        if style == "star":
            parts.append(
                rod((end[0] - 0.012, 0.025, end[2]), (end[0] + 0.012, 0.025, end[2]), 0.025)
            )
    return parts


def trestle(rng: np.random.Generator, width: float, depth: float, height: float) -> list[Mesh]:
    """Two columns on feet, joined by a beam."""
    thick, x = between(rng, 0.04, 0.09), width * between(rng, 0.28, 0.42)
    parts = []
    for side in (-1, 1):
        parts.append(box((thick, height, thick * between(rng, 1, 3)), (side * x, height / 2, 0)))
        parts.append(box((thick, thick, depth * 0.85), (side * x, thick / 2, 0)))
    level = height * between(rng, 0.2, 0.8)
    return [*parts, box((2 * x, thick * 0.8, thick * 0.5), (0, level, 0))]


def block_feet(rng: np.random.Generator, width: float, depth: float, height: float) -> list[Mesh]:
    """Short feet: cubes, cones or a recessed plinth."""
    style = one_of(rng, {"cubes": 1.0, "cones": 1.0, "plinth": 0.7})
    if style == "plinth":
        return [box((width * 0.94, height, depth * 0.9), (0, height / 2, 0))]
    thick, inset = between(rng, 0.02, 0.05), between(rng, 0.05, 0.12)
    columns = whole(rng, 2, 3) if width > 1.6 else 2
    parts = []
    for x in np.linspace(-1, 1, columns) * (width / 2 - inset):
        for z in (-1, 1):
            foot = (x, 0, z * (depth / 2 - inset))
            top = (x, height, foot[2])
            cube = box((2 * thick, height, 2 * thick), (x, height / 2, foot[2]))
            parts.append(cube if style == "cubes" else rod(foot, top, thick * 0.5, thick))
    return parts


def _leg(style: str, top: np.ndarray, foot: np.ndarray, thick: float) -> list[Mesh]:
    if style == "round":
        return [rod(foot, top, thick / 2)]
    if style == "tapered":
        return [rod(foot, top, thick * 0.3, thick * 0.75)]
    if style == "turned":
        path = [foot + (top - foot) * share for share in (0, 0.15, 0.2, 0.45, 0.75, 0.8, 1)]
        return [tube(path, [thick * r for r in (0.3, 0.45, 0.75, 0.4, 0.6, 0.8, 0.7)])]
    return [tube([foot, top], [thick * 0.7, thick * 0.7], sides=4)]


def _stretchers(
    rng: np.random.Generator, feet: list[tuple[np.ndarray, np.ndarray]], thick: float
) -> list[Mesh]:
    share = between(rng, 0.45, 0.8)
    nodes = [top + (foot - top) * share for top, foot in feet]
    style = one_of(rng, {"ring": 1.0, "h": 1.0, "cross": 0.7, "sides": 0.7})
    sides = [(nodes[0], nodes[1]), (nodes[2], nodes[3])]
    if style == "ring":
        sides = [(nodes[i], nodes[(i + 1) % 4]) for i in range(4)]
    elif style == "h":
        sides.append(((nodes[0] + nodes[1]) / 2, (nodes[2] + nodes[3]) / 2))
    elif style == "cross":
        sides = [(nodes[0], nodes[2]), (nodes[1], nodes[3])]
    return [rod(start, end, thick * 0.35, sides=8) for start, end in sides]


def _bars(path: list[tuple[float, float, float]], thick: float) -> list[Mesh]:
    """Round bars along a path, one a stretch, so that corners stay sharp."""
    return [rod(start, end, thick, sides=10) for start, end in zip(path, path[1:])]
