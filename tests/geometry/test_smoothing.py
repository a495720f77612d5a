"""Smooth normals: creases stay, round parts become round; connected parts are found."""

from __future__ import annotations

import numpy as np
from simple_shapes import cube, marked_body, sphere

from crossmodal.geometry.mesh import Mesh, face_normals
from crossmodal.geometry.smoothing import corner_normals, parts, weld


def split(mesh: Mesh) -> Mesh:
    """The same surface, no vertex shared (as in an .stl file)."""
    flat = mesh.triangles.reshape(-1, 3)
    return Mesh(flat, np.arange(len(flat), dtype=np.int32).reshape(-1, 3))


def test_a_cube_keeps_its_flat_faces() -> None:
    normals = corner_normals(cube())
    flat = face_normals(cube().triangles)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    np.testing.assert_allclose(normals, np.repeat(flat[:, None], 3, axis=1), atol=1e-6)


def test_a_sphere_gets_radial_normals_also_when_vertices_are_split() -> None:
    for mesh in (sphere(40), split(sphere(40))):
        normals = corner_normals(mesh)
        np.testing.assert_allclose(normals, mesh.triangles, atol=0.03)
        np.testing.assert_allclose(np.linalg.norm(normals, axis=2), 1, atol=1e-5)


def test_a_wide_crease_smooths_a_cube_too() -> None:
    normals = corner_normals(cube(), crease=100)
    np.testing.assert_allclose(np.sign(normals), np.sign(cube().triangles))
    assert np.abs(normals).min() > 0.2  # every corner leans to all three of its faces


def test_weld_joins_equal_positions() -> None:
    assert weld(split(cube())).max() + 1 == 8


def test_parts_are_counted() -> None:
    number = parts(marked_body())
    assert number.shape == (48,)
    of_cube = [set(number[start : start + 12]) for start in range(0, 48, 12)]
    assert all(len(found) == 1 for found in of_cube) and set.union(*of_cube) == {0, 1, 2, 3}
    assert parts(split(cube())).max() == 0


def test_a_face_without_area_gives_no_nan() -> None:
    mesh = cube()
    sliver = Mesh(mesh.vertices, np.concatenate([mesh.faces, [[0, 0, 1]]]).astype(np.int32))
    normals = corner_normals(sliver)
    assert np.isfinite(normals).all()
    np.testing.assert_array_equal(normals[:12], corner_normals(mesh))
