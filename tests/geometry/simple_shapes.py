"""Small meshes with known properties, for the tests of geometry and preparation."""

from __future__ import annotations

import numpy as np

from crossmodal.geometry.mesh import Mesh, make_mesh, merge


def cube(side: float = 2.0, centre: tuple[float, float, float] = (0, 0, 0)) -> Mesh:
    """A closed cube, outward faces."""
    corner = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * side / 2
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))]
    return make_mesh(corner + np.array(centre), np.array(faces))


def sphere(rows: int = 24, radius: float = 1.0) -> Mesh:
    """A closed sphere of latitude rows, outward faces."""
    polar = np.linspace(0, np.pi, rows + 1)
    around = np.linspace(0, 2 * np.pi, 2 * rows, endpoint=False)
    p, a = np.meshgrid(polar, around, indexing="ij")
    points = np.stack([np.sin(p) * np.sin(a), np.cos(p), np.sin(p) * np.cos(a)], axis=-1)
    index = np.arange(p.size).reshape(p.shape)
    right = np.roll(index, -1, axis=1)
    low = np.stack([index[:-1], index[1:], right[1:]], axis=-1).reshape(-1, 3)
    high = np.stack([index[:-1], right[1:], right[:-1]], axis=-1).reshape(-1, 3)
    return make_mesh(points.reshape(-1, 3) * radius, np.concatenate([low, high]))


def without_faces(mesh: Mesh, drop: np.ndarray) -> Mesh:
    """The mesh without the faces where `drop` is True."""
    return make_mesh(mesh.vertices, mesh.faces[~drop])


def marked_body() -> Mesh:
    """A cube with a small cube on its front (+z), one on its left (+x) and one on top (+y)."""
    return merge(
        [
            cube(1.0),
            cube(0.3, (0, 0, 0.65)),
            cube(0.3, (0.65, 0, 0)),
            cube(0.3, (0, 0.65, 0)),
        ]
    )
