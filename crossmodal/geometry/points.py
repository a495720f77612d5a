"""Points spread evenly over the surface of a mesh."""

from __future__ import annotations

import numpy as np

from crossmodal.geometry.mesh import Mesh, face_normals
from crossmodal.runtime.seeds import generator


def sample_points(mesh: Mesh, count: int = 10_000, seed: int = 0) -> np.ndarray:
    """(count, 3) float32 points on the surface, every unit of area equally likely.

    A point in a triangle with corners a, b, c is a + sqrt(r1) ((1 - r2) (b - a) + r2 (c - a)) with
    r1, r2 ~ U(0, 1) (Osada et al., Shape Distributions, 2002).
    """
    if count < 1:
        raise ValueError(f"at least one point must be sampled, not {count}")
    triangles = mesh.triangles.astype(np.float64)
    area = np.linalg.norm(face_normals(triangles), axis=1)
    rng = generator(seed, "surface points")
    place = np.cumsum(area)
    face = np.searchsorted(place, rng.random(count) * place[-1], side="right")
    corner = triangles[np.minimum(face, len(area) - 1)]
    root, share = np.sqrt(rng.random((count, 1))), rng.random((count, 1))
    first, second = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    points = corner[:, 0] + root * ((1 - share) * first + share * second)
    return points.astype(np.float32)
