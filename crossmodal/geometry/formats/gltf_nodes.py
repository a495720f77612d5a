"""Where the nodes of a glTF file place its meshes: the scene, transforms and instances."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crossmodal.geometry.formats.gltf_accessors import Accessors
from crossmodal.geometry.formats.gltf_document import Document, Entry
from crossmodal.geometry.formats.gltf_extensions import INSTANCING, VISIBILITY

EMPTY_SCENE = "the scene, which shows no mesh"
PLACE = 256  # an instance takes as much time as so many vertices
NOWHERE = np.eye(4)  # of a node that moves nothing
TRANSFORM = {"matrix", "translation", "rotation", "scale"}


class Shown(NamedTuple):
    """What the scene shows: numbers of nodes that have a mesh, and what it leaves out, in words."""

    nodes: list[int]
    left_out: list[str]


class Graph:
    """The tree of nodes. Every method raises MeshError where it is no tree, or a node is broken."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = [document.entry("nodes", number, document.root)
                      for number in range(document.count("nodes"))]
        self._children: dict[int, list[int]] = {}
        self._parents: dict[int, int] = {}
        self._worlds: dict[int, np.ndarray] = {}
        for number, node in enumerate(self.nodes):
            self._adopt(number, node)
        self.roots = [number for number in range(len(self.nodes)) if number not in self._parents]
        self._refuse_cycles()

    def shown(self) -> Shown:
        """The nodes with meshes of the scene; of the whole file where that shows none."""
        left_out: list[str] = []
        shown = self._with_meshes(self._scene_roots(), left_out)
        if not shown:
            shown = self._with_meshes(self.roots, left_out)
            left_out += [EMPTY_SCENE] if shown and self.document.count("scenes") else []
        return Shown(shown, left_out)

    def world(self, number: int) -> np.ndarray:
        """(4, 4) from the node's coordinates to those of the scene."""
        line = []  # the node, its parent and so on, up to one that is known
        at: int | None = number
        while at is not None and at not in self._worlds:
            line.append(at)
            at = self._parents.get(at)
        for at in reversed(line):
            parent, inside = self._parents.get(at), local(self.nodes[at])
            if parent is not None:
                outside = self._worlds[parent]
                inside = outside if inside is NOWHERE else outside @ inside
            self._worlds[at] = inside
        return self._worlds[number]

    def _refuse_cycles(self) -> None:
        """With one parent a node at most, what no root leads to hangs on a cycle."""
        reached = list(self.roots)
        for number in reached:  # grows as it is walked through
            reached += self._children[number]
        if len(reached) < len(self.nodes):
            lost = min(set(range(len(self.nodes))) - set(reached))
            raise self.nodes[lost].error("hangs on a cycle of nodes; export the file again")

    def _adopt(self, number: int, node: Entry) -> None:
        self._children[number] = node.wholes("children")
        for child in self._children[number]:
            self.document.entry("nodes", child, node)
            if child in self._parents:
                raise self.nodes[child].error(
                    f"is a child of nodes {self._parents[child]} and {number}; export it again")
            self._parents[child] = number

    def _scene_roots(self) -> list[int]:
        document = self.document
        if not document.count("scenes"):
            return []
        scene = document.entry("scenes", document.root.values.get("scene", 0), document.root)
        roots = scene.wholes("nodes")
        for root in roots:
            node = document.entry("nodes", root, scene)
            if root in self._parents:
                raise node.error(f"stands in {scene.name} and is a child of node "
                                 f"{self._parents[root]}; export the file again")
        return list(dict.fromkeys(roots))

    def _with_meshes(self, roots: list[int], left_out: list[str]) -> list[int]:
        """Nodes that have a mesh, from `roots` down, in the order of the file; none twice."""
        found = []
        waiting = roots[::-1]  # a stack, for a chain of nodes may be deeper than Python's own
        while waiting:
            number = waiting.pop()
            node = self.nodes[number]
            visible = node.extension(VISIBILITY)
            if visible is not None and visible.values.get("visible", True) is False:
                left_out.append("hidden nodes")
                continue
            if "mesh" in node.values:
                found.append(number)
            waiting += self._children[number][::-1]
        return found


def local(node: Entry) -> np.ndarray:
    """(4, 4) from a node's coordinates to its parent's: its matrix, or its TRS."""
    if not TRANSFORM & node.values.keys():
        return NOWHERE
    matrix = node.numbers("matrix", 16)
    if matrix is None:
        return transforms(
            *(_rows(node, key, count)
              for key, count in (("translation", 3), ("rotation", 4), ("scale", 3)))
        )[0]
    matrix = matrix.reshape(4, 4).T
    if not np.allclose(matrix[3], [0, 0, 0, 1], atol=1e-6):
        raise node.error("has a matrix that is no affine transform; export the file again")
    return matrix


def transforms(
    translation: np.ndarray | None, rotation: np.ndarray | None, scale: np.ndarray | None
) -> np.ndarray:
    """(K, 4, 4) T @ R @ S of (K, 3) translations, (K, 4) quaternions xyzw and (K, 3) scales.

    None stands for none; all None for one transform that changes nothing.
    """
    count = next((len(part) for part in (translation, rotation, scale) if part is not None), 1)
    matrices = np.tile(np.eye(4), (count, 1, 1))
    if rotation is not None:
        matrices[:, :3, :3] = rotations(rotation)
    if scale is not None:
        matrices[:, :3, :3] *= scale[:, None]
    if translation is not None:
        matrices[:, :3, 3] = translation
    return matrices


def rotations(quaternions: np.ndarray) -> np.ndarray:
    """(K, 3, 3) matrices of (K, 4) quaternions xyzw of any length but 0, which turns nothing."""
    length = np.linalg.norm(quaternions, axis=1, keepdims=True)
    unit = np.divide(quaternions, length, out=np.zeros_like(quaternions), where=length > 0)
    x, y, z, w = unit.T
    zero = np.zeros_like(x)
    cross = np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]).transpose(2, 0, 1)
    return np.eye(3) + 2 * (w[:, None, None] * cross + cross @ cross)


def instances(node: Entry, accessors: Accessors) -> np.ndarray | None:
    """(K, 4, 4) places of EXT_mesh_gpu_instancing within the node; None without the extension."""
    extension = node.extension(INSTANCING)
    if extension is None:
        return None
    given = extension.part("attributes")
    parts = []
    for key, kind in (("TRANSLATION", "VEC3"), ("ROTATION", "VEC4"), ("SCALE", "VEC3")):
        present = given is not None and key in given.values
        parts.append(accessors.values(given.values[key], (kind,), given).floats()
                     if given is not None and present else None)
    counts = {len(part) for part in parts if part is not None}
    if len(counts) != 1:
        raise extension.error("has no instances, or not as many of each kind; export it again")
    accessors.take(PLACE * min(counts), extension)
    return transforms(*parts)


def _rows(node: Entry, key: str, count: int) -> np.ndarray | None:
    numbers = node.numbers(key, count)
    return None if numbers is None else numbers[None]
