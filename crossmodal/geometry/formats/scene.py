"""Formats that trimesh reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.content import Content


def read_scene(path: Path) -> Content:
    """All meshes of a scene, each at its place. Raises MeshError naming the file."""
    import trimesh  # slow to import

    try:
        scene: Any = trimesh.load(str(path), force="scene", process=False)
    except Exception as error:  # noqa: BLE001 - every format fails in its own way
        raise MeshError(f"{path}: cannot be read ({type(error).__name__}: {error})") from error
    vertices: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    colours: list[np.ndarray] = []
    start = 0
    for node in scene.graph.nodes_geometry:
        matrix, name = scene.graph[node]
        part = scene.geometry[name]
        if not isinstance(part, trimesh.Trimesh) or len(part.faces) == 0:
            continue
        vertices.append(np.asarray(part.vertices) @ matrix[:3, :3].T + matrix[:3, 3])
        faces.append(np.asarray(part.faces) + start)
        colours.append(_face_colours(part))
        start += len(part.vertices)
    if not faces:
        raise MeshError(f"{path}: the file has no triangles")
    return Content(np.concatenate(vertices), np.concatenate(faces), np.concatenate(colours),
                   parts=len(faces))


def _face_colours(part: Any) -> np.ndarray:
    """(M, 3) uint8: the mean colour of a texture or material, or the colours of the faces."""
    if part.visual.kind == "texture":
        colour = np.asarray(part.visual.material.main_color, np.uint8)[:3]
        return np.tile(colour, (len(part.faces), 1))
    return np.asarray(part.visual.face_colors, np.uint8)[:, :3]
