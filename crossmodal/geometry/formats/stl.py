"""The triangles of a stereolithography file, ``.stl``: text or binary, whatever its first word."""

from __future__ import annotations

import re
from array import array
from pathlib import Path

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.text import AGAIN, plain_text, read_bytes, shown

HEADER = 84  # bytes before the triangles: 80 that are free, then their count
RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
PADDING = b"\0 \t\r\n\x1a"
HEAD = 4096  # where the first facet of a text begins

_VERTEX = rb"\s+vertex\s+(\S+)\s+(\S+)\s+(\S+)"
FACET = re.compile(rb"\s*facet(?:\s+normal\s+\S+\s+\S+\s+\S+)?\s+outer\s+loop" + 3 * _VERTEX
                   + rb"\s+end[ \t]*loop\s+end[ \t]*facet(?=\s|$)", re.IGNORECASE)
# The rest of such a line is a name, which may hold any word.
BETWEEN = re.compile(rb"\s*(?:(solid)(?=\s|$)|end(?:[ \t]*solid)?(?=\s|$)|color\s|#)[^\r\n]*",
                     re.IGNORECASE)
END = re.compile(rb"\send[ \t]*facet(?=\s|$)", re.IGNORECASE)
NEXT = re.compile(rb"\sfacet\s+(?:normal|outer)\s", re.IGNORECASE)


def read_stl(path: Path) -> Content:
    """All triangles of all solids of an STL file; each has three vertices of its own.

    Raises MeshError naming the file, and where it is cut off.
    """
    data = read_bytes(path)
    if not _is_counted(data):
        text = plain_text(data)
        if _is_text(text):
            return _read_text(path, text)
    return _read_binary(path, data)


def _is_counted(data: bytes) -> bool:
    """Whether a binary count says exactly how long the file is; no text does that by chance."""
    return len(data) >= HEADER and len(data) == HEADER + RECORD.itemsize * _declared(data)


def _is_text(data: bytes) -> bool:
    """A text begins with a solid. So may the free bytes of a binary file, but they hold no loop."""
    loop = re.search(rb"facet\s.*?outer\s+loop", data[:HEAD], re.IGNORECASE | re.DOTALL)
    return bool(loop) or (data[:HEAD].lstrip()[:5].lower() == b"solid" and b"\0" not in data)


def _read_text(path: Path, data: bytes) -> Content:
    corners, starts, at = array("d"), [], 0
    while True:
        if facet := FACET.match(data, at):
            try:
                corners.extend(map(float, facet.groups()))
            except ValueError as error:
                raise MeshError(f"{path}: line {_line(data, facet.start(1))}: a facet has a vertex "
                                f"that is not three numbers; {AGAIN}") from error
            at = facet.end()
        elif line := BETWEEN.match(data, at):
            if line.group(1):
                starts.append(len(corners))
            at = line.end()
        else:
            break
    if data[at:].strip():
        raise MeshError(f"{path}: {_wrong(data, at)}")
    if not starts or starts[0] > 0:
        raise MeshError(f"{path}: no whole STL file: it does not begin with a solid; {AGAIN}")
    if not corners:
        raise MeshError(f"{path}: a solid without facets; {AGAIN}")
    return _content(np.frombuffer(corners, np.float64).reshape(-1, 3, 3),
                    parts=len(set(starts) - {len(corners)}))


def _wrong(data: bytes, at: int) -> str:
    """What is wrong where neither a facet nor a line between facets follows."""
    rest = data[at:].lstrip()
    line = _line(data, len(data) - len(rest))
    if not rest.lower().startswith(b"facet"):
        return f"line {line}: {shown(rest.splitlines()[0])} is no facet; {AGAIN}"
    end, following = END.search(rest), NEXT.search(rest)
    if end is None or (following and following.start() < end.start()):
        return f"line {line}: cut off in the middle of this facet; fetch or export it again"
    corners = rest[:end.start()].lower().split().count(b"vertex")
    if corners != 3:
        return f"line {line}: a facet of {corners} vertices, not 3; {AGAIN} as triangles"
    return f"line {line}: a facet that is not written as STL says; {AGAIN}"


def _line(data: bytes, at: int) -> int:
    """The number of the line on which a byte stands."""
    return len((data[:at] + b"x").splitlines())


def _read_binary(path: Path, data: bytes) -> Content:
    if len(data) < HEADER:
        raise MeshError(f"{path}: {len(data)} bytes are no STL file; fetch or export it again")
    there = (len(data) - HEADER) // RECORD.itemsize
    records = np.frombuffer(data, RECORD, there, HEADER)
    records = records[:_count(path, data, records)]
    if not len(records):
        raise MeshError(f"{path}: no triangles; {AGAIN}")
    content = _content(records["corners"].astype(np.float64))
    coloured = bool(records["attribute"].any())
    return Content(content.vertices, content.faces, ignored=("colours",) if coloured else ())


def _declared(data: bytes) -> int:
    return int.from_bytes(data[HEADER - 4:HEADER], "little")


def _count(path: Path, data: bytes, records: np.ndarray) -> int:
    """How many of the records are triangles, by the count and by the length of the file.

    A count of 0 was never filled in. One that is too large is wrong only if what is there is a
    closed surface; else the file is cut off.
    """
    declared, there = _declared(data), len(records)
    left = len(data) - HEADER - there * RECORD.itemsize
    if declared == there:
        return there
    if 0 < declared < there and _is_no_triangle(data[HEADER + declared * RECORD.itemsize:]):
        return declared
    if left == 0 and (declared == 0 or (declared > there > 0 and _closed(records["corners"]))):
        return there
    if declared > there:
        raise MeshError(f"{path}: cut off: {there} of {declared} triangles are there; "
                        "fetch or export it again")
    raise MeshError(f"{path}: declares {declared} triangles, and is as long as {there} triangles"
                    f"{f' and {left} bytes' if left else ''}; {AGAIN}")


def _is_no_triangle(tail: bytes) -> bool:
    """Whether what follows the last triangle is padding or text; triangles have bytes of 0."""
    return not tail.strip(PADDING) or (tail.isascii() and b"\0" not in tail)


def _closed(corners: np.ndarray) -> bool:
    """Whether (M, 3, 3) triangles share each of their edges with another."""
    _, vertex = np.unique(corners.reshape(-1, 3) + 0.0, axis=0, return_inverse=True)
    faces = vertex.reshape(-1, 3)
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    return bool((uses % 2 == 0).all())


def _content(corners: np.ndarray, parts: int = 1) -> Content:
    """Triangles (M, 3, 3) as content."""
    vertices = corners.reshape(-1, 3)
    return Content(vertices, np.arange(len(vertices)).reshape(-1, 3), parts=parts)
