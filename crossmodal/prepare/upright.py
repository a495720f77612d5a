"""Turning shapes: data sets disagree on which axes are up and front; here they are +y and +z.

`crossmodal.geometry.camera.Camera` sees the front of such a shape at azimuth 0.
"""

from __future__ import annotations

import numpy as np

from crossmodal.geometry.mesh import Mesh

AXES = {
    f"{sign}{name}": (-1.0 if sign else 1.0) * np.eye(3)[place]
    for place, name in enumerate("xyz")
    for sign in ("", "-")
}
FRONTS = {  # where a shape usually faces, by the axis that points up
    "y": "z", "-y": "z", "z": "-y", "-z": "y", "x": "z", "-x": "z",
}


def turned(mesh: Mesh, up: str = "y", front: str = "z") -> Mesh:
    """The mesh with its up direction brought to +y and its front to +z; never mirrored.

    up, front : where they are now, as names of AXES ("-z")
    """
    vertices = mesh.vertices.astype(np.float64) @ upright(up, front).T
    return Mesh(vertices.astype(np.float32), mesh.faces, mesh.colours)


def upright(up: str, front: str) -> np.ndarray:
    """(3, 3) float64 rotation that brings `up` to +y and `front` to +z.

    Raises ValueError for unknown axes, and where the two are not perpendicular.
    """
    unknown = [name for name in (up, front) if name not in AXES]
    if unknown:
        raise ValueError(f"no axis {unknown[0]!r}; the axes are {', '.join(sorted(AXES))}")
    if up[-1] == front[-1]:
        raise ValueError(f"up ({up}) and front ({front}) lie on one axis")
    return np.stack([np.cross(AXES[up], AXES[front]), AXES[up], AXES[front]])
