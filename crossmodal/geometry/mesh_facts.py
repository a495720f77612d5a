"""What can be told of a mesh by looking at its surface: is it closed, which way does it stand."""

from __future__ import annotations

import numpy as np

from crossmodal.geometry.mesh import Mesh, face_normals
from crossmodal.geometry.smoothing import weld

NEAR = 0.01  # of the longest side: so near the lowest point, a face lies on the ground
CLEAR = 2.0  # times as much of the surface as along the other axes must lie flat


def is_watertight(mesh: Mesh) -> bool:
    """Whether every edge belongs to two faces, so that there is an inside."""
    faces = weld(mesh)
    ends = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, counts = np.unique(ends, axis=0, return_counts=True)
    return bool((counts == 2).all())


def likely_up(mesh: Mesh) -> str | None:
    """The axis that points up, as "y" or "-z", by what the mesh would stand on; None: not clear.

    Things stand on flat parts: the side on which most of the surface lies flat is taken for the
    lower one, if the sides of the other two axes have less than half of that.
    """
    low, high = _flat_sides(mesh)
    best = np.maximum(low, high)
    axis = int(best.argmax())
    others = np.delete(best, axis)
    if best[axis] == 0 or best[axis] < CLEAR * others.max():
        return None
    return ("" if low[axis] >= high[axis] else "-") + "xyz"[axis]


def _flat_sides(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """(3,) areas that lie flat at the lower and at the upper end of each axis."""
    triangles = mesh.triangles.astype(np.float64)
    areas = np.abs(face_normals(triangles)) / 2
    bottom, top = triangles.min((0, 1)), triangles.max((0, 1))
    near = NEAR * (top - bottom).max()
    low = (areas * (triangles.max(1) <= bottom + near)).sum(0)
    high = (areas * (triangles.min(1) >= top - near)).sum(0)
    return low, high
