"""glTF 2.0, ``.glb`` and ``.gltf``: the shape that the default scene shows, in its default pose.

https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html. Triangles, strips and fans are read, with
transforms, instances, morph targets and skins; Draco and meshopt where their packages are there.
Meshes that no scene shows are left out, unless there are no others.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.checks import check_mesh
from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.gltf_accessors import Accessors
from crossmodal.geometry.formats.gltf_buffers import Buffers
from crossmodal.geometry.formats.gltf_colours import Colours
from crossmodal.geometry.formats.gltf_container import read_document
from crossmodal.geometry.formats.gltf_document import Document, Entry
from crossmodal.geometry.formats.gltf_extensions import INSTANCING, LIGHTS, check_required
from crossmodal.geometry.formats.gltf_nodes import EMPTY_SCENE, NOWHERE, Graph, instances
from crossmodal.geometry.formats.gltf_pieces import Piece, read_piece
from crossmodal.geometry.formats.gltf_pose import Bones, bent, joint_matrices

WHITE = np.full((1, 3), 255, np.uint8)  # of faces without a colour, where others have one
KINDS = ("animations", "cameras", "textures")


class Placed(NamedTuple):
    """A piece in the scene, `copies` times: vertices (N, 3), faces (M, 3), colours as in Piece."""

    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray | None
    copies: int = 1


def read_gltf(path: Path) -> Content:
    """The whole shape of a file. Raises MeshError naming the file and what to do about it."""
    try:
        with np.errstate(all="ignore"):  # a mesh with numbers that are not finite is refused
            return _Reader(read_document(path)).content()
    except (MemoryError, RecursionError) as error:
        raise MeshError(f"{path}: too large or too deep to be read ({error})") from error


class _Reader:
    """Reads one file."""

    def __init__(self, document: Document) -> None:
        check_required(document)
        self.document = document
        self.accessors = Accessors(Buffers(document))
        self.colours = Colours(self.accessors.buffers)
        self.graph = Graph(document)
        self.left_out = [kind for kind in KINDS if document.count(kind)]
        self.left_out += ["lights"] if document.root.extension(LIGHTS) else []
        self.left_out += ["bytes after the end"] if document.trailing else []
        self._pieces: dict[tuple[int, bytes | None, bool], list[Piece]] = {}
        self._joints: dict[int, np.ndarray] = {}

    def content(self) -> Content:
        """All that is shown, put together."""
        nodes, words = self.graph.shown()
        placed = [part for node in nodes for part in self._node(self.graph.nodes[node], node)]
        meshes = {int(self.graph.nodes[node].values["mesh"]) for node in nodes}
        if not nodes and not words:
            meshes = set(range(self.document.count("meshes")))
            words += [EMPTY_SCENE] if meshes and self.document.count("scenes") else []
            placed = [Placed(piece.vertices, piece.faces, piece.colours)
                      for mesh in sorted(meshes) for piece in self._mesh(mesh, self.document.root)]
        if len(meshes) < self.document.count("meshes"):
            words.append("meshes outside the scene")
        ignored = tuple(dict.fromkeys(self.left_out + words))
        if not any(len(part.faces) for part in placed):
            only = f", only {' and '.join(ignored)}" if ignored else ""
            raise self.document.root.error(f"has no triangles{only}; export it again")
        check_mesh(self.document.path, sum(len(part.vertices) for part in placed),
                   sum(len(part.faces) for part in placed), self.accessors.buffers.size)
        return _together(placed, ignored)

    def _node(self, node: Entry, number: int) -> list[Placed]:
        """The pieces of a node's mesh, where the node places them."""
        skin = node.values.get("skin")
        world = self.graph.world(number)
        places = instances(node, self.accessors)
        if skin is not None and places is not None:
            raise node.error(f"has a skin and {INSTANCING}; export it without one of them")
        worlds = world[None] if places is None else world @ places
        pieces = self._mesh(node.values["mesh"], node, skin is not None)
        if skin is None or not any(piece.bones for piece in pieces):
            return [self._at(piece, worlds, node) for piece in pieces]
        return [self._at(piece, worlds, node) if piece.bones is None else
                self._bent(piece, piece.bones, skin, node) for piece in pieces]

    def _bent(self, piece: Piece, bones: Bones, skin: int, node: Entry) -> Placed:
        """A piece as the joints of its node's skin bend it; the node's own place does not count."""
        entry = self.document.entry("skins", skin, node)
        if skin not in self._joints:
            self._joints[skin] = joint_matrices(entry, self.graph, self.accessors)
        self.accessors.take(len(piece.vertices) + piece.faces.size, node)
        vertices, faces = bent(piece.vertices, piece.faces, bones, self._joints[skin], node)
        return Placed(vertices, faces, piece.colours)

    def _mesh(self, index: int, wanted_by: Entry, skinned: bool = False) -> list[Piece]:
        """The pieces of a mesh, in the pose that its node, or else itself, gives."""
        mesh = self.document.entry("meshes", index, wanted_by)
        weights = wanted_by.numbers("weights")
        key = (int(index), None if weights is None else weights.tobytes(), skinned)
        if key not in self._pieces:
            weights = mesh.numbers("weights") if weights is None else weights
            weights = np.zeros(0) if weights is None else weights
            pieces = [read_piece(primitive, self.accessors, self.colours, weights, skinned,
                                 self.left_out) for primitive in mesh.parts("primitives")]
            self._pieces[key] = [piece for piece in pieces if piece is not None]
        return self._pieces[key]

    def _at(self, piece: Piece, worlds: np.ndarray, node: Entry) -> Placed:
        """Copies of a piece at (K, 4, 4) places; where one mirrors it, its faces turn round."""
        count = len(worlds)
        self.accessors.take(count * (len(piece.vertices) + piece.faces.size), node)
        if count == 1 and np.array_equal(worlds[0], NOWHERE):
            return Placed(piece.vertices, piece.faces, piece.colours)
        mirrored = np.linalg.det(worlds[:, :3, :3]) < 0
        if count == 1:
            vertices = piece.vertices @ worlds[0, :3, :3].T + worlds[0, :3, 3]
            return Placed(vertices, piece.faces[:, ::-1] if mirrored[0] else piece.faces,
                          piece.colours)
        vertices = piece.vertices @ worlds[:, :3, :3].transpose(0, 2, 1) + worlds[:, None, :3, 3]
        faces = np.where(mirrored[:, None, None], piece.faces[:, ::-1], piece.faces)
        faces = faces + len(piece.vertices) * np.arange(count)[:, None, None]
        colours = piece.colours
        if colours is not None and len(colours) > 1:
            colours = np.tile(colours, (count, 1))
        return Placed(vertices.reshape(-1, 3), faces.reshape(-1, 3), colours, count)


def _together(placed: list[Placed], ignored: tuple[str, ...]) -> Content:
    """One mesh out of all that is placed; without colours where none has any."""
    starts = np.cumsum([0] + [len(part.vertices) for part in placed[:-1]])
    vertices = np.concatenate([part.vertices for part in placed])
    faces = np.concatenate([part.faces + start for part, start in zip(placed, starts)])
    colours = None
    if any(part.colours is not None for part in placed):
        colours = np.concatenate([
            np.broadcast_to(WHITE if part.colours is None else part.colours, part.faces.shape)
            for part in placed
        ])
    return Content(vertices, faces, colours, sum(part.copies for part in placed), ignored)
