"""Solid voxels: volumes that are known, hollow and open meshes, and slow twins."""

from __future__ import annotations

import numpy as np
import pytest
from simple_shapes import cube, sphere, without_faces

from crossmodal.geometry.mesh import make_mesh, merge
from crossmodal.geometry.voxels import enclosed, parity, surface_voxels, voxelize


def share_inside(grid: np.ndarray) -> float:
    return float(grid.mean())


def enclosed_slowly(surface: np.ndarray) -> np.ndarray:
    """Flood fill with a stack."""
    size = surface.shape[0]
    outside = np.zeros(np.array(surface.shape) + 2, bool)
    blocked = np.pad(surface, 1)
    stack = [(0, 0, 0)]
    while stack:
        cell = stack.pop()
        if min(cell) < 0 or max(cell) > size + 1 or outside[cell] or blocked[cell]:
            continue
        outside[cell] = True
        x, y, z = cell
        stack += [(x + 1, y, z), (x - 1, y, z), (x, y + 1, z), (x, y - 1, z)]
        stack += [(x, y, z + 1), (x, y, z - 1)]
    return ~outside[1:-1, 1:-1, 1:-1] & ~surface


def test_a_cube_fills_the_grid() -> None:
    voxels = voxelize(cube(), 32)
    assert voxels.grid.all()
    np.testing.assert_allclose(voxels.translate, [-1, -1, -1], atol=1e-3)
    assert voxels.scale == pytest.approx(2, rel=1e-3)


def test_a_ball_has_the_volume_of_a_ball() -> None:
    share = share_inside(voxelize(sphere(48), 64).grid)
    shell = np.pi / 64 * 0.5  # half a voxel of surface more, at most a whole one
    assert np.pi / 6 < share < np.pi / 6 + 2 * shell


def test_a_box_lies_in_the_middle_of_the_grid() -> None:
    flat = make_mesh(cube().vertices * [1, 0.25, 0.5], cube().faces)
    filled = np.nonzero(voxelize(flat, 64).grid)
    assert [(axis.min(), axis.max()) for axis in filled] == [(0, 63), (24, 39), (16, 47)]


def test_voxel_coordinates_map_back_to_the_mesh() -> None:
    mesh = make_mesh(sphere(24).vertices * 3 + [10, 20, -5], sphere(24).faces)
    voxels = voxelize(mesh, 48)
    centres = np.argwhere(voxels.grid) + 0.5
    places = np.array(voxels.translate) + centres / 48 * voxels.scale
    distance = np.linalg.norm(places - [10, 20, -5], axis=1)
    assert distance.max() < 3 + voxels.scale / 48
    np.testing.assert_allclose(places.mean(0), [10, 20, -5], atol=0.05)


@pytest.mark.parametrize("side", [0, 1, 2])
def test_a_box_without_one_side_is_still_solid(side: int) -> None:
    """The inside leaks out, so only the parity rule can fill it."""
    middle = cube().triangles.mean(1)
    box = without_faces(cube(), middle[:, side] < -0.9)
    assert len(box.faces) == 10
    assert share_inside(voxelize(box, 32).grid) > 0.99


def test_overlapping_closed_parts_are_solid() -> None:
    both = merge([cube(2.0), cube(2.0, (0.5, 0.5, 0.5))])
    grid = voxelize(both, 50).grid
    assert share_inside(grid) == pytest.approx((8 + 8 - 1.5**3) / 2.5**3, abs=0.04)


def test_a_thin_sheet_has_its_surface_only() -> None:
    sheet = without_faces(cube(), np.abs(cube().triangles.mean(1)[:, 1]) < 0.9)
    sheet = make_mesh(sheet.vertices * [1, 0, 1], sheet.faces)
    grid = voxelize(sheet, 32).grid
    assert grid.any(axis=(0, 2)).sum() <= 2 and grid.any(1).all()


def test_surface_has_no_holes_and_is_on_the_surface() -> None:
    triangle = np.array([[[0.05, 0.1, 0.1], [0.95, 0.15, 0.2], [0.1, 0.9, 0.8]]])
    grid = surface_voxels(triangle, 40)
    rng = np.random.Generator(np.random.Philox(0))
    weights = rng.dirichlet([1, 1, 1], 4000)
    index = (weights @ triangle[0] * 40).astype(int)
    assert grid[tuple(index.T)].mean() > 0.97  # a voxel cut only at a corner may be missed
    normal = np.cross(triangle[0, 1] - triangle[0, 0], triangle[0, 2] - triangle[0, 0])
    normal /= np.linalg.norm(normal)
    centres = (np.argwhere(grid) + 0.5) / 40
    assert np.abs((centres - triangle[0, 0]) @ normal).max() <= np.sqrt(3) / 2 / 40


def test_flood_fill_agrees_with_its_slow_twin() -> None:
    rng = np.random.Generator(np.random.Philox(3))
    for density in (0.3, 0.6, 0.75):
        surface = rng.random((9, 9, 9)) < density
        np.testing.assert_array_equal(enclosed(surface), enclosed_slowly(surface))


def test_parity_is_the_inside_of_a_ball_on_every_axis() -> None:
    ball = make_mesh(sphere(48).vertices * 0.4 + 0.5, sphere(48).faces)
    centres = (np.indices((24, 24, 24)).transpose(1, 2, 3, 0) + 0.5) / 24
    radius = np.linalg.norm(centres - 0.5, axis=-1)
    for axis in range(3):
        inside = parity(ball, 24, axis)
        assert inside[radius < 0.38].all() and not inside[radius > 0.405].any()


def test_a_grid_of_one_voxel_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        voxelize(cube(), 1)
