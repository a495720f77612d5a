"""Reading meshes: every format, whole scenes, and everything that can be wrong with a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from simple_shapes import cube, sphere

from crossmodal.geometry.mesh import MeshError, load_mesh, make_mesh, merge, normalise


def area(mesh) -> float:
    edges = mesh.triangles[:, 1:] - mesh.triangles[:, :1]
    return float(np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1).sum() / 2)


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".glb", ".stl", ".off"])
def test_every_format_gives_the_same_surface(tmp_path: Path, suffix: str) -> None:
    trimesh.Trimesh(cube().vertices, cube().faces).export(tmp_path / f"cube{suffix}")
    mesh = load_mesh(tmp_path / f"cube{suffix}")
    assert mesh.vertices.dtype == np.float32 and mesh.faces.dtype == np.int32
    assert area(mesh) == pytest.approx(24.0, rel=1e-5)
    np.testing.assert_allclose(np.abs(mesh.vertices), 1.0, atol=1e-6)


def test_npz_with_half_precision(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", v=cube().vertices.astype(np.float16), f=cube().faces)
    np.testing.assert_array_equal(load_mesh(tmp_path / "m.npz").triangles, cube().triangles)


def test_a_scene_is_merged_with_its_transforms_and_colours(tmp_path: Path) -> None:
    part = trimesh.Trimesh(cube().vertices, cube().faces, face_colors=[255, 0, 0, 255])
    scene = trimesh.Scene()
    scene.add_geometry(part, transform=trimesh.transformations.translation_matrix([5, 0, 0]))
    scene.add_geometry(part.copy())
    scene.export(tmp_path / "two.glb")
    mesh = load_mesh(tmp_path / "two.glb")
    assert len(mesh.faces) == 24
    np.testing.assert_allclose(mesh.vertices.max(0), [6, 1, 1], atol=1e-5)
    np.testing.assert_array_equal(mesh.colours, np.tile([255, 0, 0], (24, 1)))


def test_normalised_fits_the_unit_sphere_even_far_from_the_origin() -> None:
    far = cube().vertices.astype(np.float64) * 3 + 1e6
    mesh = make_mesh(far, cube().faces, normalised=True)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(normalise(mesh).vertices, mesh.vertices, atol=1e-6)


def test_merge_keeps_both_parts_apart() -> None:
    both = merge([cube(), cube(centre=(5, 0, 0))])
    assert len(both.faces) == 24 and both.faces.max() == 15
    assert area(both) == pytest.approx(48)


def test_degenerate_faces_and_unused_vertices_are_dropped() -> None:
    vertices = np.concatenate([cube().vertices, [[np.nan, 0, 0]]])  # not used by any face
    faces = np.concatenate([cube().faces, [[0, 0, 1], [2, 2, 2]]])
    mesh = make_mesh(vertices, faces)
    assert len(mesh.faces) == 12 and len(mesh.vertices) == 8


def test_an_open_mesh_is_fine() -> None:
    assert len(make_mesh(cube().vertices, cube().faces[:-2]).faces) == 10


@pytest.mark.parametrize(
    ("vertices", "faces", "reason"),
    [
        (np.zeros((0, 3)), np.zeros((0, 3), int), "empty"),
        (np.eye(3), np.zeros((0, 3), int), "empty"),
        (np.full((3, 3), np.nan), np.array([[0, 1, 2]]), "3 vertices are not finite"),
        (np.array([[np.inf, 0, 0], [0, 1, 0], [0, 0, 1]]), np.array([[0, 1, 2]]), "not finite"),
        (np.eye(3) * 1e300, np.array([[0, 1, 2]]), "3 vertices are not finite .*above 1e.18"),
        (np.eye(3), np.array([[0, 1, 3]]), "there are 3"),
        (np.eye(3), np.array([[0, 1, -1]]), "-1"),
        (np.eye(3), np.array([[0.0, 1, 2]]), "integers"),
        (np.zeros((3, 3)), np.array([[0, 1, 2]]), "no area"),
        (np.eye(3)[:, :2], np.array([[0, 1, 2]]), "must be"),
    ],
)
def test_unusable_arrays_are_refused(vertices, faces, reason: str) -> None:
    with pytest.raises(MeshError, match=reason):
        make_mesh(vertices, faces, name="chair")


def test_unusable_files_are_named(tmp_path: Path) -> None:
    whole = tmp_path / "whole.glb"
    trimesh.Trimesh(cube().vertices, cube().faces).export(whole)
    (tmp_path / "empty.obj").touch()
    (tmp_path / "cut.glb").write_bytes(whole.read_bytes()[:100])
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 not a zip file")
    (tmp_path / "text.ply").write_text("no ply")
    (tmp_path / "points.obj").write_text("v 0 0 0\nv 1 0 0\n")
    (tmp_path / "nan.obj").write_text("v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    (tmp_path / "model.xyz").write_text("1 2 3")
    np.savez(tmp_path / "keys.npz", vertices=np.eye(3))
    for path in sorted(tmp_path.iterdir()):
        if path != whole:
            with pytest.raises(MeshError, match=path.name):
                load_mesh(path)
    with pytest.raises(MeshError, match="no such file"):
        load_mesh(tmp_path / "absent.obj")


def test_an_npz_never_runs_code(tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return (Path.touch, (ran,))

    np.savez(tmp_path / "bad.npz", v=np.array([Hostile()], object), f=cube().faces)
    with pytest.raises(MeshError, match=r"bad\.npz"):
        load_mesh(tmp_path / "bad.npz")
    assert not ran.exists()


def test_sphere_has_the_area_it_should() -> None:
    assert area(sphere(64)) == pytest.approx(4 * np.pi, rel=2e-3)
