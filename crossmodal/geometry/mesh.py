"""Triangle meshes: read them from a file, check them, bring them to one size.

A mesh is float32 vertices (N, 3), y up, and int32 faces (M, 3). Files are read by
:mod:`crossmodal.geometry.formats`, whole scenes merged into one mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.registry import SUFFIXES as MESH_SUFFIXES
from crossmodal.geometry.formats.registry import read

__all__ = ["MESH_SUFFIXES", "Mesh", "MeshError", "face_normals", "load_mesh", "make_mesh", "merge",
           "normalise"]

LARGEST = 1e18  # of a coordinate: its square is a float32
AT_ONCE = 1 << 19  # faces whose areas are measured at once
FAR = 16.0  # a mesh whose distance from the origin is so many times its size is moved there


@dataclass(frozen=True)
class Mesh:
    """Triangles in space.

    vertices : (N, 3) float32, y up
    faces    : (M, 3) int32, each row three different vertices
    colours  : (M, 3) uint8 colour of each face, or None
    """

    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray | None = None

    @property
    def triangles(self) -> np.ndarray:
        """(M, 3, 3) float32 corner positions of each face."""
        return self.vertices[self.faces]


def load_mesh(path: str | Path, normalised: bool = False) -> Mesh:
    """The mesh in a file, checked; with `normalised`, moved and scaled into the unit sphere.

    Raises MeshError naming the file when it is missing, unreadable, empty or not finite.
    """
    content = read(Path(path))
    return make_mesh(content.vertices, content.faces, content.colours, normalised, str(path))


def make_mesh(
    vertices: np.ndarray,
    faces: np.ndarray,
    colours: np.ndarray | None = None,
    normalised: bool = False,
    name: str = "mesh",
) -> Mesh:
    """A checked Mesh from plain arrays: degenerate faces and unused vertices are dropped.

    A mesh that lies far from the origin, as in map coordinates, is moved there before it is rounded
    to float32, which could not tell its vertices apart.

    vertices : (N, 3) numbers; faces : (M, 3) integers; colours : (M, 3) uint8 or None.
    Raises MeshError (starting with `name`) when nothing usable is left.
    """
    vertices = np.asarray(vertices, np.float64)
    faces = np.asarray(faces)
    _check_arrays(vertices, faces, name)
    keep = _solid_faces(vertices, faces)
    if not keep.any():
        raise MeshError(f"{name}: all {len(faces)} faces have no area; export the mesh again")
    faces = faces if keep.all() else faces[keep]
    used = _named(faces, len(vertices))
    flat = (np.cumsum(used, dtype=np.int32) - np.int32(1))[faces]
    vertices = vertices[used]
    if normalised:
        vertices = _into_unit_sphere(vertices)
    elif np.abs(_centre(vertices)).max() > FAR * np.ptp(vertices, axis=0).max():
        vertices = vertices - _centre(vertices)
    colours = None if colours is None else np.asarray(colours, np.uint8)[keep]
    return Mesh(vertices.astype(np.float32), flat, colours)


def normalise(mesh: Mesh) -> Mesh:
    """The mesh with its bounding box centred and its farthest vertex at radius 1."""
    vertices = _into_unit_sphere(mesh.vertices.astype(np.float64))
    return Mesh(vertices.astype(np.float32), mesh.faces, mesh.colours)


def merge(meshes: list[Mesh]) -> Mesh:
    """One mesh out of several; colours are kept when every part has them."""
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    vertices = np.concatenate([mesh.vertices for mesh in meshes])
    faces = np.concatenate([mesh.faces + start for mesh, start in zip(meshes, offsets)])
    colours = [mesh.colours for mesh in meshes if mesh.colours is not None]
    whole = len(colours) == len(meshes)
    return Mesh(vertices, faces.astype(np.int32), np.concatenate(colours) if whole else None)


def face_normals(triangles: np.ndarray) -> np.ndarray:
    """(M, 3) normals of (M, 3, 3) triangles, length twice the area, right-handed."""
    edges = triangles[:, 1:] - triangles[:, :1]
    return np.cross(edges[:, 0], edges[:, 1])


def _centre(vertices: np.ndarray) -> np.ndarray:
    """(3,) the middle of the bounding box."""
    return (vertices.min(0) + vertices.max(0)) / 2


def _into_unit_sphere(vertices: np.ndarray) -> np.ndarray:
    centred = vertices - _centre(vertices)
    return centred / np.linalg.norm(centred, axis=1).max()


def _check_arrays(vertices: np.ndarray, faces: np.ndarray, name: str) -> None:
    if vertices.ndim != 2 or vertices.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3:
        raise MeshError(
            f"{name}: vertices {vertices.shape} and faces {faces.shape} must be (N, 3) and (M, 3)"
        )
    if len(vertices) == 0 or len(faces) == 0:
        raise MeshError(f"{name}: the mesh is empty ({len(vertices)} vertices, {len(faces)} faces)")
    if not np.issubdtype(faces.dtype, np.integer):
        raise MeshError(f"{name}: faces must be integers, not {faces.dtype}")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise MeshError(
            f"{name}: faces name vertices {faces.min()}..{faces.max()}, there are {len(vertices)}"
        )
    usable = (np.abs(vertices) <= LARGEST).all(1)
    bad = int((_named(faces, len(vertices)) & ~usable).sum())
    if bad:
        raise MeshError(f"{name}: {bad} vertices are not finite (NaN, infinite or above "
                        f"{LARGEST:g}); export it again")


def _solid_faces(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(M,) bool: faces that cover an area, measured against the size of the mesh."""
    extent = np.ptp(vertices[_named(faces, len(vertices))], axis=0).max()
    result = np.zeros(len(faces), bool)
    for first in range(0, len(faces) if extent > 0 else 0, AT_ONCE):
        some = faces[first:first + AT_ONCE]
        doubled = np.linalg.norm(face_normals(vertices[some] / extent), axis=1)
        result[first:first + AT_ONCE] = doubled > 1e-14
    return result


def _named(faces: np.ndarray, count: int) -> np.ndarray:
    """(count,) bool: vertices that a face names."""
    result = np.zeros(count, bool)
    result[faces.reshape(-1)] = True
    return result
