"""Small mesh files of every format, and what the tests of readers look at."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from crossmodal.geometry.formats import scene
from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.registry import read

CUBE = [(x, y, z) for z in (0, 1) for y in (0, 1) for x in (0, 1)]  # corners from 0 to 1
QUADS = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
TRIANGLES = [face for a, b, c, d in QUADS for face in ((a, b, c), (a, c, d))]
# An L of area 7 in a square of 4 by 4, written from one end: a fan would fill the notch.
ELL = [(4, 1, 0), (1, 1, 0), (1, 4, 0), (0, 4, 0), (0, 0, 0), (4, 0, 0)]


def obj_text(faces: Sequence[Sequence[int]] = QUADS) -> str:
    """The unit cube as OBJ."""
    lines = ["v {} {} {}".format(*point) for point in CUBE]
    lines += ["f " + " ".join(str(corner + 1) for corner in face) for face in faces]
    return "\n".join(lines) + "\n"


def off_text(faces: Sequence[Sequence[int]] = QUADS) -> str:
    """The unit cube as OFF."""
    lines = ["OFF", f"{len(CUBE)} {len(faces)} 0"]
    lines += ["{} {} {}".format(*point) for point in CUBE]
    lines += [" ".join(map(str, (len(face), *face))) for face in faces]
    return "\n".join(lines) + "\n"


def ply_header(faces: Sequence[Sequence[int]] = QUADS, format: str = "ascii") -> str:
    """The header of the unit cube as PLY."""
    return (f"ply\nformat {format} 1.0\nelement vertex {len(CUBE)}\nproperty float x\n"
            f"property float y\nproperty float z\nelement face {len(faces)}\n"
            "property list uchar int vertex_indices\nend_header\n")


def ply_text(faces: Sequence[Sequence[int]] = QUADS) -> str:
    """The unit cube as PLY of text."""
    lines = ["{} {} {}".format(*point) for point in CUBE]
    lines += [" ".join(map(str, (len(face), *face))) for face in faces]
    return ply_header(faces) + "\n".join(lines) + "\n"


def ply_binary(faces: Sequence[Sequence[int]] = QUADS, order: str = "<") -> bytes:
    """The unit cube as binary PLY."""
    name = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    body = b"".join(struct.pack(f"{order}3f", *point) for point in CUBE)
    body += b"".join(struct.pack(f"{order}B{len(face)}i", len(face), *face) for face in faces)
    return ply_header(faces, name).encode() + body


def facet(face: Sequence[int]) -> str:
    """A facet of the unit cube."""
    corners = "".join("  vertex {} {} {}\n".format(*CUBE[corner]) for corner in face)
    return f"facet normal 0 0 0\n outer loop\n{corners} endloop\nendfacet\n"


def stl_text(faces: Sequence[Sequence[int]] = TRIANGLES, name: str = "cube") -> str:
    """The unit cube as STL of text."""
    return f"solid {name}\n" + "".join(map(facet, faces)) + f"endsolid {name}\n"


def stl_binary(
    faces: Sequence[Sequence[int]] = TRIANGLES, count: int | None = None, header: bytes = b""
) -> bytes:
    """The unit cube as binary STL, which declares `count` triangles."""
    corners = [sum((CUBE[corner] for corner in face), ()) for face in faces]
    body = b"".join(struct.pack("<12fH", 0, 0, 0, *face, 0) for face in corners)
    declared = len(faces) if count is None else count
    return header.ljust(80, b"\0") + struct.pack("<I", declared) + body


def read_text(folder: Path, suffix: str, content: str | bytes) -> Content:
    """What a reader finds in a file of this content."""
    path = folder / f"shape{suffix}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path)


def corners_of(content: Content) -> np.ndarray:
    """(M, 3, 3) corners of the triangles, in the order of the file."""
    return content.vertices[content.faces]


def area(content: Content) -> float:
    """Area of all triangles."""
    edges = np.diff(corners_of(content), axis=1)
    return float(np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1).sum() / 2)


def volume(content: Content) -> float:
    """Volume within the triangles, positive where they turn outwards."""
    return float(np.linalg.det(corners_of(content)).sum() / 6)


def surface(corners: np.ndarray) -> np.ndarray:
    """(M, 9) the same for the same triangles, whatever their order and their first corners."""
    rows = []
    for triangle in np.asarray(corners, np.float64):
        first = min(range(3), key=lambda corner: tuple(triangle[corner]))
        rows.append(np.roll(triangle, -first, axis=0).reshape(-1))
    return np.array(sorted(map(tuple, rows)))


def is_cube(content: Content) -> bool:
    """Whether it is the closed unit cube, with its faces outwards."""
    return (len(content.faces) == 12 and abs(area(content) - 6) < 1e-6
            and abs(volume(content) - 1) < 1e-6)


def by_trimesh(path: Path) -> Content:
    """What trimesh reads of a file, and of those that it names."""
    loaded: Any = trimesh.load(path, force="scene", process=False)
    places = [loaded.graph[node] for node in loaded.graph.nodes_geometry]
    return scene._together([(matrix, loaded.geometry[name]) for matrix, name in places])
