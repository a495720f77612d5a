"""Smooth normals with creases: rounded parts look round, edges of a box stay sharp."""

from __future__ import annotations

import numpy as np

from crossmodal.geometry.mesh import Mesh, face_normals


def corner_normals(mesh: Mesh, crease: float = 40.0) -> np.ndarray:
    """(M, 3, 3) float32 unit normals at the corners of each face.

    Faces that share an edge and bend less than `crease` degrees there are one smooth surface; a
    corner's normal is the area-weighted mean over the faces of its surface at that vertex.
    """
    faces = weld(mesh)
    normals = face_normals(mesh.triangles.astype(np.float64))
    group = _smooth_groups(faces, normals, crease)
    total = np.zeros((group.max() + 1, 3))
    flat = np.repeat(normals, 3, axis=0)
    for axis in range(3):
        total[:, axis] = np.bincount(group, weights=flat[:, axis], minlength=len(total))
    corners = total[group]
    cancelled = (corners**2).sum(1, keepdims=True) < 1e-40
    corners = _unit(np.where(cancelled, flat, corners))
    return corners.reshape(-1, 3, 3).astype(np.float32)


def weld(mesh: Mesh) -> np.ndarray:
    """(M, 3) faces over vertices that are merged where their positions agree to 1e-5."""
    rounded = np.round(mesh.vertices.astype(np.float64) * 1e5).astype(np.int64)
    _, index = np.unique(rounded, axis=0, return_inverse=True)
    return index.reshape(-1)[mesh.faces]


def parts(mesh: Mesh) -> np.ndarray:
    """(M,) number of the connected part (faces sharing vertices) each face belongs to."""
    faces = weld(mesh)
    rows = np.concatenate([faces[:, 0], faces[:, 1]])
    columns = np.concatenate([faces[:, 1], faces[:, 2]])
    label = _components(int(faces.max()) + 1, rows, columns)[faces[:, 0]]
    return np.unique(label, return_inverse=True)[1].reshape(-1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1; a row of zeros (a face without area) stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)


def _smooth_groups(faces: np.ndarray, normals: np.ndarray, crease: float) -> np.ndarray:
    """(M*3,) smooth surface each corner belongs to; corner 3*i+j is vertex j of face i."""
    corner = np.arange(faces.size).reshape(-1, 3)
    start, end = corner.reshape(-1), np.roll(corner, -1, axis=1).reshape(-1)
    vertex = faces.reshape(-1).astype(np.int64)
    low, high = np.minimum(vertex[start], vertex[end]), np.maximum(vertex[start], vertex[end])
    order = np.lexsort((high, low))
    same = (low[order][1:] == low[order][:-1]) & (high[order][1:] == high[order][:-1])
    first, second = order[:-1][same], order[1:][same]
    unit = _unit(normals)
    dot = (unit[first // 3] * unit[second // 3]).sum(1)
    smooth = dot > np.cos(np.radians(crease))
    first, second = first[smooth], second[smooth]
    forward = vertex[start[first]] == vertex[start[second]]
    a = np.concatenate([start[first], end[first]])
    b = np.concatenate(
        [
            np.where(forward, start[second], end[second]),
            np.where(forward, end[second], start[second]),
        ]
    )
    return _components(faces.size, a, b)


def _components(count: int, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(count,) number of the connected component of each node, with edges ``one[i]-other[i]``."""
    from scipy.sparse import coo_matrix  # slow to import
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(one), np.int8), (one, other)), shape=(count, count))
    return connected_components(graph, directed=False)[1]
