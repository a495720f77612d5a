"""Rays against triangles (Embree): what does each ray hit first, and where.

One `Caster` holds one mesh. Embree works in float32; meshes are expected near the unit sphere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from crossmodal.geometry.mesh import Mesh


@dataclass(frozen=True)
class Hits:
    """First hits of R rays, of which H hit something.

    hit      : (R,) bool
    face     : (H,) int32 face that was hit
    weights  : (H, 3) float32 barycentric weights of the face's three corners
    distance : (H,) float32 along the ray, in units of the direction's length
    """

    hit: np.ndarray
    face: np.ndarray
    weights: np.ndarray
    distance: np.ndarray


class Caster:
    """A mesh ready for ray casting."""

    def __init__(self, mesh: Mesh) -> None:
        self._scene = EmbreeScene()
        vertices = np.ascontiguousarray(mesh.vertices, np.float32)
        faces = np.ascontiguousarray(mesh.faces, np.int32)
        self._geometry = TriangleMesh(self._scene, vertices, faces)

    def cast(self, origins: np.ndarray, directions: np.ndarray) -> Hits:
        """First hits of rays with float32 origins (R, 3) and directions (R, 3)."""
        found = self._scene.run(*_rays(origins, directions), output=1)
        hit = found["primID"] >= 0
        u, v = found["u"][hit], found["v"][hit]
        weights = np.stack([1 - u - v, u, v], axis=1)
        return Hits(hit, found["primID"][hit], weights, found["tfar"][hit])

    def blocked(self, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """(R,) bool: does the ray hit anything at all?"""
        return self._scene.run(*_rays(origins, directions), query="OCCLUDED") >= 0


def _rays(origins: np.ndarray, directions: np.ndarray) -> tuple:
    origins = np.broadcast_to(np.asarray(origins, np.float32), directions.shape)
    return np.ascontiguousarray(origins), np.ascontiguousarray(directions, np.float32)
