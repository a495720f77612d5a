"""Formats that trimesh reads."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.checks import check_mesh
from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.scene_claims import check_3mf
from crossmodal.geometry.formats.text import read_bytes
from crossmodal.runtime.brief import one_line


def read_scene(path: Path) -> Content:
    """All meshes of a 3MF file, each at its place. Raises MeshError naming the file."""
    data = read_bytes(path)
    check_3mf(path, data)
    return content_of(path, data)


def content_of(path: Path, data: bytes) -> Content:
    """All meshes of a scene, of the format that the suffix says. Raises MeshError."""
    import trimesh  # slow to import

    nothing: Any = _Nothing()
    try:
        scene: Any = trimesh.load(io.BytesIO(data), file_type=path.suffix[1:].lower(),
                                  resolver=nothing, force="scene", process=False)
    except Exception as error:  # noqa: BLE001 - every format fails in its own way
        raise MeshError(f"{path}: cannot be read ({type(error).__name__}: {one_line(error)}); "
                        "export it again") from error
    places = [scene.graph[node] for node in scene.graph.nodes_geometry]
    parts = [(matrix, scene.geometry[name]) for matrix, name in places]
    parts = [(matrix, part) for matrix, part in parts
             if isinstance(part, trimesh.Trimesh) and len(part.faces)]
    if not parts:
        raise MeshError(f"{path}: the file has no triangles")
    check_mesh(path, sum(len(part.vertices) for _, part in parts),
               sum(len(part.faces) for _, part in parts), len(data))
    return _together(parts)


def _together(parts: list[tuple[np.ndarray, Any]]) -> Content:
    """Meshes at their (4, 4) places as one."""
    starts = np.cumsum([0] + [len(part.vertices) for _, part in parts])
    vertices = [np.asarray(part.vertices) @ matrix[:3, :3].T + matrix[:3, 3]
                for matrix, part in parts]
    faces = [np.asarray(part.faces) + start for (_, part), start in zip(parts, starts)]
    colours = [_face_colours(part) for _, part in parts]
    return Content(np.concatenate(vertices), np.concatenate(faces), np.concatenate(colours),
                   parts=len(parts))


def _face_colours(part: Any) -> np.ndarray:
    """(M, 3) uint8: the colour of a material, or the colours of the faces."""
    if part.visual.kind == "texture":
        colour = np.asarray(part.visual.material.main_color, np.uint8)[:3]
        return np.tile(colour, (len(part.faces), 1))
    return np.asarray(part.visual.face_colors, np.uint8)[:, :3]


class _Nothing:
    """Where trimesh looks for other files: there are none, wherever a model says that they lie."""

    def get(self, name: str) -> NoReturn:
        raise FileNotFoundError(name)

    def __getitem__(self, name: str) -> NoReturn:
        self.get(name)

    def keys(self) -> list[str]:
        return []

    def namespaced(self, namespace: str) -> _Nothing:
        return self

    def write(self, name: str, data: bytes) -> NoReturn:
        self.get(name)
