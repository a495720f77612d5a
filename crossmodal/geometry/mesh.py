"""Triangle meshes: read them from a file, check them, bring them to one size.

A mesh is float32 vertices (N, 3), y up, and int32 faces (M, 3). Files are read by trimesh, whole
scenes merged into one mesh; ``.npz`` files (keys ``v``, ``f`` and, if known, ``c``) by NumPy, never
with pickle.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MESH_SUFFIXES = (".obj", ".ply", ".glb", ".gltf", ".stl", ".off", ".npz")


class MeshError(ValueError):
    """A mesh that cannot be used; the message names the file and the reason."""


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
    path = Path(path)
    if path.suffix.lower() not in MESH_SUFFIXES:
        raise MeshError(f"{path}: unknown mesh format; use one of {', '.join(MESH_SUFFIXES)}")
    if not path.is_file():
        raise MeshError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise MeshError(f"{path}: the file is empty (0 bytes); fetch or export it again")
    read = _read_npz if path.suffix.lower() == ".npz" else _read_scene
    vertices, faces, colours = read(path)
    return make_mesh(vertices, faces, colours, normalised=normalised, name=str(path))


def make_mesh(
    vertices: np.ndarray,
    faces: np.ndarray,
    colours: np.ndarray | None = None,
    normalised: bool = False,
    name: str = "mesh",
) -> Mesh:
    """A checked Mesh from plain arrays: degenerate faces and unused vertices are dropped.

    vertices : (N, 3) numbers; faces : (M, 3) integers; colours : (M, 3) uint8 or None.
    Raises MeshError (starting with `name`) when nothing usable is left.
    """
    vertices = np.asarray(vertices, np.float64)
    faces = np.asarray(faces)
    _check_arrays(vertices, faces, name)
    keep = _solid_faces(vertices, faces)
    if not keep.any():
        raise MeshError(f"{name}: all {len(faces)} faces have no area; export the mesh again")
    used, flat = np.unique(faces[keep], return_inverse=True)
    vertices = vertices[used]
    if normalised:
        vertices = _into_unit_sphere(vertices)
    colours = None if colours is None else np.asarray(colours, np.uint8)[keep]
    return Mesh(vertices.astype(np.float32), flat.reshape(-1, 3).astype(np.int32), colours)


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


def _into_unit_sphere(vertices: np.ndarray) -> np.ndarray:
    centred = vertices - (vertices.min(0) + vertices.max(0)) / 2
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
    bad = int((~np.isfinite(vertices).all(1))[np.unique(faces)].sum())
    if bad:
        raise MeshError(f"{name}: {bad} vertices are not finite (NaN or infinite); export it again")


def _solid_faces(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(M,) bool: faces that cover an area, measured against the size of the mesh."""
    extent = np.ptp(vertices[np.unique(faces)], axis=0).max()
    if extent <= 0:
        return np.zeros(len(faces), bool)
    doubled = np.linalg.norm(face_normals(vertices[faces] / extent), axis=1)
    return doubled > 1e-14


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = {"v", "f"} - set(arrays.files)
            if missing:
                raise MeshError(f"{path}: lacks {sorted(missing)}; a mesh .npz has keys v and f")
            return arrays["v"], arrays["f"], arrays["c"] if "c" in arrays.files else None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, MeshError):
            raise
        raise MeshError(f"{path}: not a readable .npz file ({error})") from error


def _read_scene(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    import trimesh  # slow to import

    try:
        scene: Any = trimesh.load(str(path), force="scene", process=False)
    except Exception as error:  # noqa: BLE001 - every format fails in its own way
        raise MeshError(f"{path}: cannot be read ({type(error).__name__}: {error})") from error
    vertices: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    colours: list[np.ndarray] = []
    start = 0
    for node in scene.graph.nodes_geometry:
        matrix, name = scene.graph[node]
        part = scene.geometry[name]
        if not isinstance(part, trimesh.Trimesh) or len(part.faces) == 0:
            continue
        vertices.append(np.asarray(part.vertices) @ matrix[:3, :3].T + matrix[:3, 3])
        faces.append(np.asarray(part.faces) + start)
        colours.append(_face_colours(part))
        start += len(part.vertices)
    if not faces:
        raise MeshError(f"{path}: the file has no triangles")
    return np.concatenate(vertices), np.concatenate(faces), np.concatenate(colours)


def _face_colours(part: Any) -> np.ndarray:
    """(M, 3) uint8: the mean colour of a texture or material, or the colours of the faces."""
    if part.visual.kind == "texture":
        colour = np.asarray(part.visual.material.main_color, np.uint8)[:3]
        return np.tile(colour, (len(part.faces), 1))
    return np.asarray(part.visual.face_colors, np.uint8)[:, :3]
