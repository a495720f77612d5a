"""Solid voxels of a mesh, also of one that is not watertight.

A voxel is occupied when
1. the surface passes through it (the surface is sampled twice as finely as the voxels), or
2. it cannot be reached from outside the grid without crossing such voxels (flood fill), or
3. along at least two of the three axes its centre lies inside by the parity rule: an odd number of
   surfaces before it, and an even number on the whole line (lines through a hole do not count).
Rule 2 fills closed parts even where they overlap; rule 3 fills bodies with a missing bottom or
back.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from crossmodal.geometry.binvox import Voxels
from crossmodal.geometry.mesh import Mesh, make_mesh
from crossmodal.geometry.raycast import Caster

_MARGIN = 1e-4  # of the grid's side, so that no face lies exactly on the border
_CROSSINGS = 64  # surfaces followed along one line


def voxelize(mesh: Mesh, size: int = 128) -> Voxels:
    """Solid occupancy (size, size, size): the longest side of the mesh's box fills the grid.

    The mesh is centred in the grid; `translate` and `scale` map voxels back to its coordinates.
    """
    if size < 2:
        raise ValueError(f"a grid needs at least 2 voxels a side, not {size}")
    low, high = mesh.vertices.min(0).astype(float), mesh.vertices.max(0).astype(float)
    scale = float((high - low).max()) * (1 + 2 * _MARGIN)
    corner = (low + high) / 2 - scale / 2
    inside = (mesh.vertices - corner) / scale  # the grid is now the unit cube
    cube = make_mesh(inside, mesh.faces, name="mesh to voxelize")
    surface = surface_voxels(cube.triangles, size)
    votes = sum(parity(cube, size, axis).astype(np.int8) for axis in range(3))
    grid = surface | enclosed(surface) | (votes >= 2)
    return Voxels(grid, (float(corner[0]), float(corner[1]), float(corner[2])), scale)


def surface_voxels(triangles: np.ndarray, size: int) -> np.ndarray:
    """(size,) * 3 bool: voxels touched by triangles (M, 3, 3) in the unit cube.

    Each triangle is covered by points at most half a voxel apart, along its longest edge and
    across.
    """
    grid = np.zeros((size, size, size), bool)
    base, edge, across = _along_longest_edge(triangles.astype(np.float64))
    length = np.linalg.norm(edge, axis=1)
    height = np.linalg.norm(np.cross(edge, across), axis=1) / length
    columns = np.ceil(2 * size * length).astype(np.int64) + 1
    rows = np.ceil(2 * size * height).astype(np.int64) + 1
    for chosen in _batches(columns * rows, 2_000_000):
        points = _cover(base[chosen], edge[chosen], across[chosen], columns[chosen], rows[chosen])
        index = np.clip((points * size).astype(np.int64), 0, size - 1)
        grid[index[:, 0], index[:, 1], index[:, 2]] = True
    return grid


def enclosed(surface: np.ndarray) -> np.ndarray:
    """Voxels that are not surface and cannot be reached from the border of the grid."""
    free = np.pad(~surface, 1, constant_values=True)
    label, _ = ndimage.label(free)
    return (free & (label != label[0, 0, 0]))[1:-1, 1:-1, 1:-1]


def parity(mesh: Mesh, size: int, axis: int) -> np.ndarray:
    """(size,) * 3 bool: voxel centres inside a mesh in the unit cube, by parity on one axis."""
    others = [index for index in range(3) if index != axis]
    centres = (np.arange(size) + 0.5) / size
    lines = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 2)
    depth = _crossings(mesh, lines, axis, others)
    count = np.isfinite(depth).sum(1)
    before = np.zeros((len(lines), size), np.int64)
    for surface in depth.T:
        before += surface[:, None] < centres[None, :]
    odd = (before % 2 == 1) & (count % 2 == 0)[:, None]
    return np.moveaxis(odd.reshape(size, size, size), -1, axis)


def _crossings(mesh: Mesh, lines: np.ndarray, axis: int, others: list[int]) -> np.ndarray:
    """(L, C) depth of the surfaces along each line, inf where there is no more."""
    caster = Caster(mesh)
    direction = np.zeros(3, np.float32)
    direction[axis] = 1
    depth = np.full((len(lines), _CROSSINGS), np.inf)
    start = np.full(len(lines), -0.5)
    active = np.arange(len(lines))
    for index in range(_CROSSINGS):
        origins = np.empty((len(active), 3), np.float32)
        origins[:, others] = lines[active]
        origins[:, axis] = start[active]
        hits = caster.cast(origins, np.broadcast_to(direction, origins.shape))
        active = active[hits.hit]
        if len(active) == 0:
            break
        depth[active, index] = start[active] + hits.distance
        start[active] = depth[active, index] + _MARGIN
    return depth[:, : int(np.isfinite(depth).sum(1).max())]


def _along_longest_edge(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(size,) * 3 bool: voxel centres inside a mesh in the unit cube, by parity along `axis`."""
    edges = np.roll(triangles, -1, axis=1) - triangles
    longest = np.linalg.norm(edges, axis=2).argmax(1)
    row = np.arange(len(triangles))
    base = triangles[row, longest]
    return base, edges[row, longest], triangles[row, (longest + 2) % 3] - base


def _batches(cost: np.ndarray, limit: int) -> list[np.ndarray]:
    """Groups of indices whose summed cost is about `limit`."""
    group = np.cumsum(cost) // limit
    return np.split(np.arange(len(cost)), np.flatnonzero(np.diff(group)) + 1)


def _cover(
    base: np.ndarray, edge: np.ndarray, across: np.ndarray, columns: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """(P, 3) points on triangles: `rows` strips from edge to apex with `columns` points each."""
    count = columns * rows
    triangle = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(triangle)) - np.repeat(np.cumsum(count) - count, count)
    up = (number // columns[triangle]) / np.maximum(rows[triangle] - 1, 1)
    along = (number % columns[triangle]) / np.maximum(columns[triangle] - 1, 1) * (1 - up)
    return base[triangle] + along[:, None] * edge[triangle] + up[:, None] * across[triangle]
