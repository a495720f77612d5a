"""The Stanford polygon format, ``.ply``: text, and binary of either byte order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.checks import check_mesh
from crossmodal.geometry.formats.colours import as_bytes, mean_of_corners
from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.ply_header import Header, read_header
from crossmodal.geometry.formats.ply_rows import Columns, read_body
from crossmodal.geometry.formats.polygons import cut_polygons, triangles_of_strips
from crossmodal.geometry.formats.ragged import integers
from crossmodal.geometry.formats.text import AGAIN, read_bytes, without_mark

POSITION = ("x", "y", "z")
CORNERS = ("vertex_indices", "vertex_index")
COLOURS = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"),
           ("r", "g", "b"))
NAMES = {*POSITION, *CORNERS, *(name for names in COLOURS for name in names)}
LONGEST_NAME, MOST_NAMED = 40, 20  # letters of an element's name, and such names, in messages
SURFACES = ("face", "tristrips")
WITHOUT_SURFACE = {"edge": "lines", "edges": "lines", "line": "lines", "polyline": "lines",
                   "point": "points", "range_grid": "points"}


def read_ply(path: Path) -> Content:
    """All faces and triangle strips of a PLY file.

    Raises MeshError naming the file and what is wrong with it; a file that has fewer rows than its
    header declares is cut off.
    """
    data = without_mark(read_bytes(path))
    header = read_header(path, data)
    ignored = _check_elements(path, header)
    elements = read_body(path, data, header, ("vertex", *SURFACES), NAMES)
    vertices = _positions(path, elements["vertex"])
    parts = [_faces(path, elements["face"], vertices)] if "face" in elements else []
    strips = _strips(path, elements, len(vertices))
    if len(strips):
        parts.append((strips, None))
    faces = np.concatenate([triangles for triangles, _ in parts])
    if not len(faces):
        raise MeshError(f"{path}: {len(vertices)} points, no faces; {AGAIN}, with its surface")
    return Content(vertices, faces, _colours(elements["vertex"], parts), ignored=ignored)


def _check_elements(path: Path, header: Header) -> tuple[str, ...]:
    """The kinds of content that are left out. Raises MeshError where part of the shape is."""
    counts = {element.name: element.count for element in header.elements}
    if "vertex" not in counts:
        raise MeshError(f"{path}: no vertices; the elements are {_listed(list(counts))}; {AGAIN}")
    if not any(counts.get(name) for name in SURFACES):
        others = [name for name in counts if name not in ("vertex", *SURFACES)]
        raise MeshError(f"{path}: {counts['vertex']} points, no faces (other elements: "
                        f"{_listed(others)}); {AGAIN}, with its surface")
    for element in header.elements:
        lists = {prop.name for prop in element.properties.values() if prop.count}
        known = element.name in ("vertex", *SURFACES, *WITHOUT_SURFACE)
        if element.count and not known and lists.intersection(CORNERS):
            raise MeshError(f'{path}: the element "{_short(element.name)}" holds vertex indices '
                            "and is not known; export the mesh with faces alone")
    there = {WITHOUT_SURFACE.get(name, name) for name in counts if counts[name]}
    textured = any(comment.startswith("TextureFile") for comment in header.comments)
    others = sorted(map(_short, there.difference(("vertex", *SURFACES))))
    return (*others[:MOST_NAMED], *(["textures"] if textured else []))


def _listed(names: list[str]) -> str:
    """A few names for a message."""
    return ", ".join(map(_short, names[:10])) + (", ..." if len(names) > 10 else "") or "none"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."


def _positions(path: Path, vertex: Columns) -> np.ndarray:
    """(N, 3) float64."""
    missing = [name for name in POSITION if name not in vertex.single]
    if missing:
        raise MeshError(f"{path}: the vertices have no {' and '.join(missing)}; {AGAIN}")
    return np.stack([vertex.single[name] for name in POSITION], axis=1).astype(np.float64)


def _corners(path: Path, name: str, columns: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the rows of an element, laid end to end, and the sizes of the rows."""
    lists = next((columns.lists[key] for key in CORNERS if key in columns.lists), None)
    if lists is None:
        raise MeshError(f'{path}: the element "{name}" has no list {" or ".join(CORNERS)}; {AGAIN}')
    corners, wrong = integers(lists.values)
    if wrong.any():
        raise MeshError(f'{path}: a vertex index of "{name}" is {lists.values[wrong][0]}, '
                        f"no integer; {AGAIN}")
    return corners, lists.sizes


def _faces(
    path: Path, face: Columns, vertices: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """(T, 3) triangles of the faces, and their (T, 3) colours or None."""
    corners, sizes = _corners(path, "face", face)
    triangles, polygon = cut_polygons(path, vertices, corners, sizes, "face {}".format)
    colours = _colour_columns(face)
    return triangles, None if colours is None else colours[polygon]


def _strips(path: Path, elements: dict[str, Columns], count: int) -> np.ndarray:
    """(T, 3) triangles of the strips of `count` vertices."""
    if "tristrips" not in elements:
        return np.zeros((0, 3), np.int64)
    corners, sizes = _corners(path, "tristrips", elements["tristrips"])
    wrong = (corners < -1) | (corners >= count)
    if wrong.any():
        raise MeshError(f"{path}: a strip names vertex {corners[wrong][0]}, and there are {count}, "
                        f"counted from 0; {AGAIN}")
    check_mesh(path, count, len(corners))
    return triangles_of_strips(corners, sizes)


def _colours(
    vertex: Columns, parts: Sequence[tuple[np.ndarray, np.ndarray | None]]
) -> np.ndarray | None:
    """(T, 3) uint8: those of the faces, or else the means of their corners' colours."""
    of_vertices = _colour_columns(vertex)
    colours = [mean_of_corners(of_vertices, faces) if own is None and of_vertices is not None
               else own for faces, own in parts]
    known = [colour for colour in colours if colour is not None]
    return np.concatenate(known) if known and len(known) == len(colours) else None


def _colour_columns(columns: Columns) -> np.ndarray | None:
    """(R, 3) uint8 colours of an element's rows, None where it has none."""
    names = next((names for names in COLOURS if set(names) <= set(columns.single)), None)
    if names is None:
        return None
    return as_bytes(np.stack([columns.single[name] for name in names], axis=1))
