"""The Object File Format of Geomview, ``.off``, as text."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.colours import GREY, as_bytes, mean_of_corners
from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.polygons import cut_polygons
from crossmodal.geometry.formats.ragged import integers, spans
from crossmodal.geometry.formats.text import (
    AGAIN,
    DIGITS,
    Numbers,
    Rows,
    plain_text,
    read_bytes,
    rows_of,
    shown,
)

KEYWORD = re.compile(rb"((?:ST|C|N|4|n){,9})(?:OFF|off)(?![A-Za-z_])")


def read_off(path: Path) -> Content:
    """All faces of an OFF file, with or without colours of vertices or faces.

    Raises MeshError naming the file and the line; a file that has fewer vertices or faces than it
    declares is cut off.
    """
    rows = rows_of(path, plain_text(read_bytes(path)))
    kinds, rows = _without_keyword(path, rows)
    count, face_count = _counts(path, rows)
    if len(rows) < 1 + count + face_count:
        vertices_there = min(len(rows) - 1, count)
        raise MeshError(f"{path}: cut off: {vertices_there} of {count} vertices and "
                        f"{len(rows) - 1 - vertices_there} of {face_count} faces are there; "
                        "fetch or export it again")
    points = rows.numbers(1, count, "a vertex")
    points.refuse(points.ends - points.starts < 3, "a vertex has fewer than three numbers")
    vertices = points.values[points.starts[:, None] + np.arange(3)]
    polygons = rows.numbers(1 + count, face_count, "a face")
    rows.refuse_more(1 + count + face_count, f"{count} vertices and {face_count} faces")
    sizes = _sizes(polygons)
    if not (sizes > 2).any():
        raise MeshError(f"{path}: {count} points, no faces; {AGAIN}, with its surface")
    faces, polygon = cut_polygons(path, vertices, _corners(polygons, sizes), sizes,
                                  lambda number: f"line {polygons.lines[number]}")
    of_faces, of_vertices = _face_colours(polygons, sizes), _vertex_colours(points, kinds)
    colours = None if of_vertices is None else mean_of_corners(of_vertices, faces)
    if of_faces is not None:
        colours = of_faces[polygon]
    return Content(vertices, faces, colours, ignored=_ignored(sizes, kinds))


def _without_keyword(path: Path, rows: Rows) -> tuple[bytes, Rows]:
    """What the keyword says of the vertices, as in ``CN``, and the rows from the counts on."""
    first = rows.texts[0] if len(rows) else b""
    keyword = KEYWORD.match(first)
    if keyword is None:
        raise MeshError(f"{path}: no OFF file: it begins with {shown(first)}, not with OFF; "
                        "fetch or export it again")
    kinds, rest = keyword.group(1), first[keyword.end():].strip()
    if b"4" in kinds or b"n" in kinds:
        raise MeshError(f"{path}: {shown(keyword.group())} has vertices of other than three "
                        "dimensions, which are not read; export it as plain OFF")
    if rest.upper().startswith(b"BINARY"):
        raise MeshError(f"{path}: OFF BINARY is not read; export it as text")
    if rest:
        return kinds, Rows(path, [rest, *rows.texts[1:]], rows.lines)
    return kinds, Rows(path, rows.texts[1:], rows.lines[1:])


def _counts(path: Path, rows: Rows) -> tuple[int, int]:
    """How many vertices and faces the file declares; how many edges says nothing."""
    text, line = (rows.texts[0], rows.lines[0]) if len(rows) else (b"", 1)
    words = text.split()
    if not 2 <= len(words) <= 3 or not all(word.isdigit() for word in words):
        raise MeshError(f"{path}: line {line}: {shown(text)} in place of the counts of vertices, "
                        f"faces and edges; {AGAIN}")
    if max(map(len, words[:2])) > DIGITS:
        raise MeshError(f"{path}: line {line}: a count is too large; {AGAIN}")
    return int(words[0]), int(words[1])


def _sizes(rows: Numbers) -> np.ndarray:
    """(P,) int64 corners of each face, all of which are there."""
    sizes, wrong = integers(rows.values[rows.starts])
    rows.refuse(wrong | (sizes < 0), "a face begins with the number of its corners")
    more = rows.ends - rows.starts - 1 - sizes
    rows.refuse(more < 0, "a face has fewer corners than it declares")
    rows.refuse((more == 2) | (more > 4), "a face has more corners than it declares, or a colour "
                                          "of other than 1, 3 or 4 numbers")
    return sizes


def _corners(rows: Numbers, sizes: np.ndarray) -> np.ndarray:
    """(sizes.sum(),) int64 vertices that the faces name."""
    corners, wrong = integers(rows.values[spans(rows.starts + 1, sizes)])
    wrong_faces = np.zeros(len(sizes), bool)
    wrong_faces[np.repeat(np.arange(len(sizes)), sizes)[wrong]] = True
    rows.refuse(wrong_faces, "a corner of a face is no integer")
    return corners


def _face_colours(rows: Numbers, sizes: np.ndarray) -> np.ndarray | None:
    """(P, 3) uint8 of the faces, if any has a colour that is not the number of one in a table."""
    coloured = rows.ends - rows.starts - 1 - sizes >= 3
    if not coloured.any():
        return None
    colours = np.tile(np.array(GREY, np.uint8), (len(sizes), 1))
    at = (rows.starts + 1 + sizes)[coloured, None] + np.arange(3)
    colours[coloured] = as_bytes(rows.values[at])
    return colours


def _vertex_colours(rows: Numbers, kinds: bytes) -> np.ndarray | None:
    """(N, 3) uint8, where the keyword promises colours and every vertex has them."""
    before = 6 if b"N" in kinds else 3
    left = rows.ends - rows.starts - before - (2 if b"ST" in kinds else 0)
    if b"C" not in kinds or not np.isin(left, (3, 4)).all():
        return None
    return as_bytes(rows.values[rows.starts[:, None] + before + np.arange(3)])


def _ignored(sizes: np.ndarray, kinds: bytes) -> tuple[str, ...]:
    """The kinds of content that say nothing about the shape."""
    there = {"points": (sizes == 1).any(), "lines": (sizes == 2).any(), "textures": b"ST" in kinds}
    return tuple(kind for kind in there if there[kind])
