"""The pose in which a glTF file shows a mesh: its morph targets and the bones of its skin."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crossmodal.geometry.formats.gltf_accessors import Accessors, Values
from crossmodal.geometry.formats.gltf_attributes import Attributes
from crossmodal.geometry.formats.gltf_document import Entry
from crossmodal.geometry.formats.gltf_nodes import Graph

BONES = 4  # vertices that one takes as much memory as that has joints and weights
MATRIX = 16  # and that has a matrix


class Bones(NamedTuple):
    """What moves each vertex: joints (N, K) int64 numbers in the skin, weights (N, K), sum 1."""

    joints: np.ndarray
    weights: np.ndarray


def moved_by_targets(
    positions: Values, used: np.ndarray | slice, primitive: Entry, accessors: Accessors,
    weights: np.ndarray,
) -> np.ndarray:
    """(n, 3) positions of the rows `used`, moved by every morph target as far as its weight says.

    Raises MeshError where a target is broken, or has not as many rows as there are positions.
    """
    vertices = positions.floats(used)
    targets = primitive.parts("targets")
    for target, weight in zip(targets, weights):
        if weight == 0 or "POSITION" not in target.values:
            continue
        offsets = accessors.values(target.values["POSITION"], ("VEC3",), target)
        if len(offsets.rows) != len(positions.rows):
            raise target.error(f"moves {len(offsets.rows)} vertices, there are "
                               f"{len(positions.rows)}; export the file again")
        accessors.take(len(vertices), target)
        vertices += weight * offsets.floats(used)
    return vertices


def bones_of(attributes: Attributes, used: np.ndarray | slice, count: int) -> Bones | None:
    """The joints and weights of the rows `used` of `count`; None where the primitive has none."""
    joints: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    while True:
        joint = attributes.get(f"JOINTS_{len(joints)}", ("VEC4",))
        weight = attributes.get(f"WEIGHTS_{len(joints)}", ("VEC4",))
        if joint is None or weight is None:
            break
        if len(joint.rows) != count or len(weight.rows) != count:
            raise attributes.primitive.error(f"has {len(joint.rows)} joints and {len(weight.rows)} "
                                             f"weights for {count} vertices; export it again")
        attributes.accessors.take(BONES * count, attributes.primitive)
        joints.append(joint.rows[used].astype(np.int64))
        weights.append(weight.floats(used))
    if not joints:
        return None
    every = np.concatenate(weights, axis=1)
    every[:, 0] += every.sum(axis=1) == 0  # a vertex without weights hangs on its first joint
    return Bones(np.concatenate(joints, axis=1), every / every.sum(axis=1, keepdims=True))


def joint_matrices(skin: Entry, graph: Graph, accessors: Accessors) -> np.ndarray:
    """(J, 4, 4) from the coordinates of a skinned mesh to the scene's, for each joint of a skin."""
    joints = skin.wholes("joints")
    for joint in joints:
        graph.document.entry("nodes", joint, skin)
    accessors.take(MATRIX * len(joints), skin)
    worlds = np.array([graph.world(joint) for joint in joints]).reshape(-1, 4, 4)
    if "inverseBindMatrices" not in skin.values:
        return worlds
    given = accessors.values(skin.values["inverseBindMatrices"], ("MAT4",), skin).floats()
    if len(given) < len(joints):
        raise skin.error(f"has {len(joints)} joints and {len(given)} inverse bind matrices")
    return worlds @ given[:len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1)


def bent(
    vertices: np.ndarray, faces: np.ndarray, bones: Bones, matrices: np.ndarray, node: Entry
) -> tuple[np.ndarray, np.ndarray]:
    """(N, 3) vertices where the joints move them, and (M, 3) faces, turned round where mirrored.

    matrices : (J, 4, 4) of the joints; see `joint_matrices`
    """
    joints = np.where(bones.weights == 0, 0, bones.joints)
    if len(joints) and (joints.max() >= len(matrices) or joints.min() < 0):
        raise node.error(f"has a mesh that hangs on joint {joints.max()}, its skin has "
                         f"{len(matrices)}; export the file again")
    blend = np.zeros((len(vertices), 3, 4))
    for joint, weight in zip(joints.T, bones.weights.T):
        blend += weight[:, None, None] * matrices[joint, :3]
    moved = (blend[:, :, :3] @ vertices[:, :, None])[:, :, 0] + blend[:, :, 3]
    mirrored = np.linalg.det(blend[faces[:, 0], :, :3]) < 0
    return moved, np.where(mirrored[:, None], faces[:, ::-1], faces)
