"""The triangles of one primitive of a glTF mesh, in the mesh's own coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crossmodal.geometry.formats.gltf_accessors import Accessors
from crossmodal.geometry.formats.gltf_attributes import Attributes
from crossmodal.geometry.formats.gltf_colours import Colours
from crossmodal.geometry.formats.gltf_document import Entry
from crossmodal.geometry.formats.gltf_pose import Bones, bones_of, moved_by_targets

TRIANGLES, STRIP, FAN = 4, 5, 6
WITHOUT_FACES = {0: "points", 1: "lines", 2: "lines", 3: "lines"}


@dataclass(frozen=True)
class Piece:
    """Triangles of a primitive.

    vertices : (N, 3) float64; faces : (M, 3) int64; colours : (M, 3) or (1, 3) uint8, or None
    bones : what moves the vertices where the mesh has a skin
    """

    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray | None
    bones: Bones | None


def read_piece(
    primitive: Entry, accessors: Accessors, colours: Colours, weights: np.ndarray, skinned: bool,
    left_out: list[str],
) -> Piece | None:
    """A primitive's triangles; None, and a word in `left_out`, where it says nothing of a surface.

    weights : (W,) how far each of its morph targets is applied
    Raises MeshError where it is broken.
    """
    mode = primitive.whole("mode", TRIANGLES)
    if mode in WITHOUT_FACES:
        left_out.append(WITHOUT_FACES[mode])
        return None
    attributes = Attributes(primitive, accessors)
    positions = attributes.get("POSITION", ("VEC3",))
    if positions is None:
        if "extensions" in primitive.values:
            raise primitive.error(f"has positions by an extension only: "
                                  f"{', '.join(map(ascii, primitive.values['extensions']))}")
        left_out.append("primitives without positions")
        return None
    count = len(positions.rows)
    used, corners = _compact(attributes, count)
    faces = triangles(corners, TRIANGLES if attributes.decoded else mode, primitive)
    accessors.take(count if isinstance(used, slice) else len(used), primitive)
    vertices = moved_by_targets(positions, used, primitive, accessors, weights)
    return Piece(vertices, faces, colours.of_faces(attributes, used, faces, count),
                 bones_of(attributes, used, count) if skinned else None)


def triangles(corners: np.ndarray, mode: int, primitive: Entry) -> np.ndarray:
    """(M, 3) triangles of (n,) corners: each of its own, or a strip, or a fan of them."""
    if mode == TRIANGLES:
        if len(corners) % 3:
            raise primitive.error(f"has {len(corners)} corners, which are no whole triangles; "
                                  "export the file again")
        return corners.reshape(-1, 3)
    if len(corners) < 3:
        return np.zeros((0, 3), np.int64)
    if mode == FAN:
        first = np.broadcast_to(corners[0], len(corners) - 2)
        return np.stack([corners[1:-1], corners[2:], first], axis=1)
    if mode != STRIP:
        raise primitive.error(f"is of the unknown mode {mode}; export the file again")
    faces = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
    faces[1::2] = faces[1::2, [0, 2, 1]]  # every other one lies the other way round
    return faces


def _compact(attributes: Attributes, count: int) -> tuple[np.ndarray | slice, np.ndarray]:
    """Which of `count` vertices are read, and the corners as numbers of those.

    Many primitives may share one long accessor, each using a few of its vertices.
    """
    corners = attributes.corners
    if corners is None:
        attributes.accessors.take(count, attributes.primitive)
        return slice(None), np.arange(count)
    if len(corners) and corners.max() >= count:
        raise attributes.primitive.error(f"names vertex {corners.max()}, there are {count}; "
                                         "export the file again")
    if len(corners) >= count:
        return slice(None), corners
    used, corners = np.unique(corners, return_inverse=True)
    return used, corners.reshape(-1)
