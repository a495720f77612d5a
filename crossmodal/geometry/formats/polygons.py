"""Polygons cut into triangles: a fan where that covers the polygon, ears where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import mapbox_earcut
import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.checks import check_mesh
from crossmodal.geometry.formats.ragged import spans

SLACK = 1e-6  # part of a polygon's area by which a triangle may turn the wrong way: rounding
SLIP = 0.01  # part of a polygon's area by which ears may miss it: rounding of thin polygons
AT_ONCE = 1 << 20  # corners
LARGEST = 1_000_000  # corners of a polygon
MOST_WORK = 4 * 10**9  # squares of the corners of all concave polygons
MOST_CORNERS = 10_000  # of a concave polygon: one that crosses itself takes seconds above


class LargePolygonError(ValueError):
    """A concave polygon of too many corners: its number, and how many."""

    def __init__(self, polygon: int, corners: int) -> None:
        super().__init__(f"polygon {polygon} has {corners} corners")
        self.polygon, self.corners = polygon, corners


def cut_polygons(
    path: Path,
    vertices: np.ndarray,
    corners: np.ndarray,
    sizes: np.ndarray,
    where: Callable[[int], str],
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`triangulate` for the polygons of a file.

    where : says where a polygon stands in the file, as in "line 12"
    Raises MeshError naming the file and the polygon, where one names a vertex that is not there or
    is too large.
    """
    wrong = (corners < 0) | (corners >= len(vertices))
    if wrong.any():
        at = int(wrong.argmax())
        polygon = int(np.searchsorted(np.cumsum(sizes), at, side="right"))
        raise MeshError(f"{path}: {where(polygon)}: a face names vertex {corners[at]}, and there "
                        f"are {len(vertices)}, counted from 0; export the mesh again")
    check_mesh(path, len(vertices), int(np.maximum(sizes - 2, 0).sum()))
    largest = int(sizes.argmax()) if len(sizes) else 0
    if len(sizes) and sizes[largest] > LARGEST:
        raise MeshError(f"{path}: {where(largest)}: a polygon of {sizes[largest]} corners, of "
                        f"which at most {LARGEST} are read; export the mesh as triangles")
    try:
        return triangulate(vertices, corners, sizes)
    except LargePolygonError as error:
        raise MeshError(f"{path}: {where(error.polygon)}: a concave polygon of {error.corners} "
                        f"corners, of which at most {MOST_CORNERS} are read, and of many such "
                        "polygons fewer; export the mesh as triangles") from error


def triangulate(
    vertices: np.ndarray, corners: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of polygons, in the order of the polygons, each turning as its polygon does.

    A polygon is a fan around its first corner, as every convex one can be. Where a triangle of the
    fan would lie outside, seen along the polygon's normal, ears are cut off instead. Fewer than
    three corners give nothing.

    vertices : (N, 3) float64
    corners  : (C,) int64 rows of `vertices`, of one polygon after the other
    sizes    : (P,) int64 corners of each polygon, C together
    Returns (T, 3) int64 rows of `vertices` and (T,) int64 polygon of each triangle. Raises
    LargePolygonError, because cutting ears takes a time that grows with the square of the corners.
    """
    room = np.maximum(sizes - 2, 0)
    first, start = np.cumsum(room) - room, np.cumsum(sizes) - sizes
    faces = np.empty((int(room.sum()), 3), np.int64)
    work = 0
    for which in _alike(sizes):
        size = sizes[which[0]]
        rings = corners[start[which, None] + np.arange(size)]
        fans = _fans(rings)
        for row in np.flatnonzero(~_fan_covers(vertices[rings])) if size > 3 else ():
            work += int(size) ** 2
            if size > MOST_CORNERS or work > MOST_WORK:
                raise LargePolygonError(int(which[row]), int(size))
            fans[row] = _ears(vertices, rings[row], fans[row])
        faces[first[which, None] + np.arange(size - 2)] = fans
    kept = faces[:, 0] >= 0
    return faces[kept], np.repeat(np.arange(len(sizes)), room)[kept]


def _alike(sizes: np.ndarray) -> Iterator[np.ndarray]:
    """Numbers of polygons of equally many corners, three or more, not too many at once."""
    order = np.argsort(sizes, kind="stable")
    order = order[np.searchsorted(sizes, 3, sorter=order):]
    for group in np.split(order, np.flatnonzero(np.diff(sizes[order])) + 1):
        rows = max(1, AT_ONCE // int(sizes[group[0]])) if len(group) else 1
        yield from (group[first:first + rows] for first in range(0, len(group), rows))


def triangles_of_strips(corners: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """(T, 3) int64 triangles of strips; -1 ends a strip, and every other triangle is turned.

    corners : (C,) int64 of one row of strips after the other; sizes : (R,) int64 of the rows
    """
    ends = np.cumsum(sizes)
    flat = np.full(len(corners) + len(sizes), -1, np.int64)
    flat[spans(ends - sizes + np.arange(len(sizes)), sizes)] = corners
    found, begin = [np.zeros((0, 3), np.int64)], 0
    for first in range(0, len(flat) - 2, AT_ONCE):
        piece = flat[first:first + AT_ONCE + 2]
        position = np.arange(first, first + len(piece))
        begins = np.maximum.accumulate(np.where(piece < 0, position + 1, begin))
        strips = np.stack([piece[:-2], piece[1:-1], piece[2:]], axis=1)
        odd = (position - begins)[:-2] % 2 == 1
        strips[odd, :2] = strips[odd, 1::-1]
        apart = (strips != np.roll(strips, 1, axis=1)).all(1)
        found.append(strips[apart & (strips >= 0).all(1)])
        begin = int(begins[-3])  # of the first corner of the next piece
    return np.concatenate(found)


def _fans(rings: np.ndarray) -> np.ndarray:
    """(K, n - 2, 3) triangles around the first corner of (K, n) rings."""
    centre = np.broadcast_to(rings[:, :1], (len(rings), rings.shape[1] - 2))
    return np.stack([centre, rings[:, 1:-1], rings[:, 2:]], axis=-1)


@np.errstate(over="ignore", invalid="ignore")
def _fan_covers(points: np.ndarray) -> np.ndarray:
    """(K,) bool: all triangles of the fan of (K, n, 3) points turn as the polygon does.

    True, too, where that is without meaning: no area, or a corner that is not finite.
    """
    halves = _doubled_areas(_around_first(points))
    normal = halves.sum(1)
    along = (halves * normal[:, None]).sum(-1)
    size = (normal**2).sum(-1)
    return ~(along.min(1) < -SLACK * size) | ~np.isfinite(size)


def _ears(vertices: np.ndarray, ring: np.ndarray, fan: np.ndarray) -> np.ndarray:
    """(n - 2, 3) triangles of a concave polygon, (n,) `ring`; rows of -1 where there are fewer.

    The area of a polygon that crosses itself is that of its left turns less that of its right
    turns. Ears leave the right turns out, and cover too much by that; a fan covers all and more.
    The one that errs less is taken, and what is a quad stays a fan with that.
    """
    points = np.concatenate([np.zeros((1, 3)), _around_first(vertices[ring][None])[0]])
    normal = _doubled_areas(points[None, 1:])[0].sum(0)
    axis = int(np.abs(normal).argmax())
    across = [(axis + 1) % 3, (axis + 2) % 3][::1 if normal[axis] > 0 else -1]
    flat = np.ascontiguousarray(points[:, across])
    cut = mapbox_earcut.triangulate_float64(flat, np.array([len(flat)], np.uint32))
    cut = cut.reshape(-1, 3).astype(np.int64)
    doubled, area = _turns(flat, cut), abs(normal[axis])
    by_ears = np.abs(doubled).sum()
    by_fan = np.abs(_turns(flat, _fans(np.arange(len(ring))[None])[0])).sum()
    left_out, too_much = by_ears - area, by_fan - (2 * by_ears - area)
    if len(cut) > len(fan) or left_out < -SLIP * area or left_out > too_much:
        return fan
    cut[doubled < 0] = cut[doubled < 0, ::-1]
    result = np.full_like(fan, -1)
    result[:len(cut)] = ring[cut]
    return result


def _turns(flat: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(T,) twice the areas of (T, 3) triangles of (n, 2) points, positive where they turn left."""
    first, second = (flat[triangles[:, k]] - flat[triangles[:, 0]] for k in (1, 2))
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]


def _around_first(points: np.ndarray) -> np.ndarray:
    """(K, n - 1, 3) the other corners seen from the first, brought to size 1."""
    rays = points[:, 1:] - points[:, :1]
    size = np.abs(rays).max((1, 2), keepdims=True)
    return rays / np.where((size > 0) & np.isfinite(size), size, 1)


def _doubled_areas(rays: np.ndarray) -> np.ndarray:
    """(K, n - 2, 3) normals of a fan's triangles, as long as twice their areas."""
    return np.cross(rays[:, :-1], rays[:, 1:])
