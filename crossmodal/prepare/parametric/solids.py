"""Closed solids that furniture is put together from; each returns a Mesh with outward faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

import numpy as np

from crossmodal.geometry.mesh import Mesh, merge

Point = Union[Sequence[float], np.ndarray]


def box(size: Point, centre: Point) -> Mesh:
    """A box with sides `size` around `centre`."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return _mesh(corners * np.asarray(size) + np.asarray(centre), _split(quads))


def cushion(size: Point, centre: Point, radius: float, steps: int = 3) -> Mesh:
    """A box with edges rounded by `radius` (at most half its shortest side)."""
    half = np.asarray(size, float) / 2
    radius = min(radius, 0.999 * float(half.min()))
    curve = radius * (1 - np.cos(np.linspace(0, np.pi / 2, steps + 1)))
    parts = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        lines = [np.concatenate([curve - half[i], (half[i] - curve)[::-1]]) for i in (u, v)]
        grid_u, grid_v = np.meshgrid(*lines, indexing="ij")
        for side in (-1, 1):
            points = np.empty((grid_u.size, 3))
            points[:, u], points[:, v] = grid_u.reshape(-1), grid_v.reshape(-1)
            points[:, axis] = side * half[axis]
            inner = np.clip(points, radius - half, half - radius)
            away = points - inner
            away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)
            faces = _grid_faces(grid_u.shape[0], grid_u.shape[1])
            parts.append(_mesh(inner + radius * away, faces if side > 0 else faces[:, ::-1]))
    return moved(merge(parts), centre)


def rod(start: Point, end: Point, radius: float, end_radius: float = -1, sides: int = 12) -> Mesh:
    """A round bar from `start` to `end`; conical when `end_radius` is given."""
    return tube([start, end], [radius, radius if end_radius < 0 else end_radius], sides)


def tube(path: Sequence[Point], radius: Sequence[float], sides: int = 12) -> Mesh:
    """A round bar along a path of P points with a radius at each, closed at both ends."""
    points = np.asarray(path, float)
    rings = []
    for index, point in enumerate(points):
        before, after = points[max(index - 1, 0)], points[min(index + 1, len(points) - 1)]
        right, up = _across(after - before)
        angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)[:, None]
        rings.append(point + radius[index] * (np.cos(angle) * right + np.sin(angle) * up))
    vertices = np.concatenate([*rings, points[:1], points[-1:]])
    return _mesh(vertices, _ring_faces(len(points), sides))


def turned(profile: Sequence[tuple[float, float]], centre: Point, sides: int = 32) -> Mesh:
    """A body of revolution about the y axis: (radius, height) pairs from bottom to top."""
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    rings = [
        np.stack([r * np.sin(angle), np.full(sides, y), r * np.cos(angle)], axis=1)
        for r, y in profile
    ]
    ends = [[0, profile[0][1], 0], [0, profile[-1][1], 0]]
    return moved(_mesh(np.concatenate([*rings, ends]), _ring_faces(len(profile), sides)), centre)


def plate(outline: np.ndarray, thickness: float, centre: Point) -> Mesh:
    """A convex outline (P, 2) in x and z, counter-clockwise seen from below, as thick as given."""
    count = len(outline)
    low = np.stack([outline[:, 0], np.full(count, -thickness / 2), outline[:, 1]], axis=1)
    high = low + [0, thickness, 0]
    ends = [[*_middle(low)], [*_middle(high)]]
    return moved(_mesh(np.concatenate([low, high, ends]), _ring_faces(2, count)), centre)


def ellipse(width: float, depth: float, power: float = 2.0, sides: int = 40) -> np.ndarray:
    """(sides, 2) outline of a (super)ellipse: power 2 is an ellipse, 5 a rounded rectangle."""
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    sine, cosine = np.sin(angle), np.cos(angle)
    x = np.sign(sine) * np.abs(sine) ** (2 / power) * width / 2
    z = np.sign(cosine) * np.abs(cosine) ** (2 / power) * depth / 2
    return np.stack([x, z], axis=1)


def trapezoid(front: float, back: float, depth: float) -> np.ndarray:
    """(4, 2) outline, `front` wide at +z and `back` wide at -z."""
    return np.array(
        [
            [front / 2, depth / 2],
            [back / 2, -depth / 2],
            [-back / 2, -depth / 2],
            [-front / 2, depth / 2],
        ]
    )


def moved(mesh: Mesh, shift: Point) -> Mesh:
    """The mesh, shifted."""
    return Mesh((mesh.vertices + np.asarray(shift, float)).astype(np.float32), mesh.faces)


def tilted(mesh: Mesh, degrees: float, pivot: Point, axis: str = "x") -> Mesh:
    """The mesh turned about an axis through `pivot`."""
    from scipy.spatial.transform import Rotation  # slow to import

    turn = Rotation.from_euler(axis, degrees, degrees=True).as_matrix()
    vertices = (mesh.vertices - np.asarray(pivot)) @ turn.T + np.asarray(pivot)
    return Mesh(vertices.astype(np.float32), mesh.faces)


def _mesh(vertices: np.ndarray, faces: np.ndarray) -> Mesh:
    return Mesh(np.asarray(vertices, np.float32), np.asarray(faces, np.int32))


def _split(quads: Sequence[tuple[int, int, int, int]]) -> np.ndarray:
    """Two triangles for each quadrangle."""
    quads_array = np.asarray(quads)
    return np.concatenate([quads_array[:, [0, 1, 2]], quads_array[:, [0, 2, 3]]])


def _grid_faces(rows: int, columns: int) -> np.ndarray:
    """Triangles of a grid of rows x columns points."""
    index = np.arange(rows * columns).reshape(rows, columns)
    corners = (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:])
    return _split(np.stack([corner.reshape(-1) for corner in corners], axis=1))


def _ring_faces(rings: int, sides: int) -> np.ndarray:
    """Triangles between rings of points, and fans to two end points that follow them."""
    start = np.arange(sides)
    following = (start + 1) % sides
    walls = [
        (
            a * sides + start,
            a * sides + following,
            (a + 1) * sides + following,
            (a + 1) * sides + start,
        )
        for a in range(rings - 1)
    ]
    quads = np.concatenate([np.stack(wall, axis=1) for wall in walls])
    first, last = rings * sides, rings * sides + 1
    top = (rings - 1) * sides
    bottom_fan = np.stack([following, start, np.full(sides, first)], axis=1)
    top_fan = np.stack([top + start, top + following, np.full(sides, last)], axis=1)
    return np.concatenate([_split(quads), bottom_fan, top_fan])


def _across(along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors across a direction, right-handed with it."""
    along = along / np.linalg.norm(along)
    helper = np.eye(3)[int(np.argmin(np.abs(along)))]
    right = np.cross(helper, along)
    right /= np.linalg.norm(right)
    return right, np.cross(along, right)


def _middle(points: np.ndarray) -> np.ndarray:
    return points.mean(0)
