"""The statements of a Wavefront OBJ file, gathered line by line."""

from __future__ import annotations

import re
import warnings
from array import array
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.obj_materials import material_name
from crossmodal.geometry.formats.text import AGAIN, are_numbers, shown

TWO_BYTES = b"\x81"  # from here on, a byte of GBK, Big5 or Shift-JIS begins a letter of two
TEXTURE_AND_NORMAL = re.compile(rb"/\S*")
LINE_ENDS = (b"\n", b"\r")
LONG = 1000  # bytes of a text from which on NumPy reads it faster
WITHOUT_AREA = {1: "points", 2: "lines"}  # faces of so many corners
LEFT_OUT = {b"l": "lines", b"p": "points", b"curv": "curves", b"curv2": "curves", b"cdc": "curves",
            b"cdp": "curves"}
SURFACES = (b"surf", b"bsp", b"bzp")
OTHER_FILES = (b"call", b"csh")
# Normals, textures, how to draw, and what belongs to a curve or a surface.
SAYS_NOTHING = frozenset(
    b"vn vt vp s mg lod bevel c_interp d_interp shadow_obj trace_obj ctech stech usemap maplib "
    b"cstype deg bmat step parm trim hole scrv sp end con res".split()
)


@dataclass(frozen=True)
class Run:
    """What holds from a face on: the material, and the object and group."""

    first_face: int
    material: bytes
    part: tuple[bytes, bytes]


@dataclass(frozen=True)
class Block:
    """Faces on lines that follow each other: the first, its line, and the vertices before it."""

    first_face: int
    line: int
    vertices: int


@dataclass
class Statements:
    """What an OBJ file says.

    positions : x y z of each vertex; colours : r g b of the `coloured` vertices, counted from 0
    corners   : the vertices of all faces, as written; sizes : corners of each face
    """

    positions: array[float] = field(default_factory=lambda: array("d"))
    colours: array[float] = field(default_factory=lambda: array("d"))
    coloured: array[int] = field(default_factory=lambda: array("q"))
    corners: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    blocks: list[Block] = field(default_factory=list)
    runs: list[Run] = field(default_factory=lambda: [Run(0, b"", (b"", b""))])
    libraries: list[bytes] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)

    def vertices(self, run: list[bytes]) -> None:
        """What stands after ``v``: x y z, x y z w, x y z r g b or more; w is for curves alone."""
        widths = set(map(len, map(bytes.split, run)))
        if widths == {3}:
            self.positions.extend(map(float, b" ".join(run).split()))
            return
        if min(widths) < 3:
            raise ValueError("a vertex has three numbers")
        for words in map(bytes.split, run):
            self.positions.extend(map(float, words[:3]))
            if len(words) > 5:
                self.coloured.append(len(self.positions) // 3 - 1)
                self.colours.extend(map(float, words[3:6]))

    def faces(self, run: list[bytes], line: int) -> None:
        """What stands after ``f``: corners such as 1, 1/2, 1//3 or 1/2/3, of which 1 is read."""
        sizes = list(map(len, map(bytes.split, run)))
        if min(sizes) < 1:
            raise ValueError("a face without corners")
        self.left_out.update(kind for size, kind in WITHOUT_AREA.items() if size in sizes)
        corners = _integers(TEXTURE_AND_NORMAL.sub(b"", b" ".join(run)))
        if len(corners) != sum(sizes):
            raise ValueError("a corner names no vertex")
        self.blocks.append(Block(len(self.sizes), line, len(self.positions) // 3))
        self.corners.extend(corners)
        self.sizes.extend(sizes)

    def other(self, line: bytes, plain: bytes, number: int) -> None:
        """Any other statement; `plain` is its line without a comment.

        Raises ValueError for one that makes a surface and is not read.
        """
        words = plain.split()
        keyword, last = words[0].lower(), self.runs[-1]
        if keyword == b"usemtl":
            self.runs.append(Run(len(self.sizes), material_name(line), last.part))
        elif keyword == b"o":
            self.runs.append(Run(len(self.sizes), last.material, (material_name(line), b"")))
        elif keyword == b"g":
            part = (last.part[0], material_name(line))
            self.runs.append(Run(len(self.sizes), last.material, part))
        elif keyword == b"mtllib":
            self.libraries.append(line.strip()[len(keyword):].strip())
        elif keyword == b"fo":  # the old name of a face
            self.faces([b" ".join(words[1:])], number)
        elif keyword in LEFT_OUT:
            self.left_out.add(LEFT_OUT[keyword])
        elif keyword in SURFACES:
            raise ValueError("free-form surfaces are not read; export the mesh as polygons")
        elif keyword in OTHER_FILES:
            raise ValueError("other files are not read in; export the mesh as one file")
        elif keyword not in SAYS_NOTHING:
            _check_unknown(words)


def read_statements(path: Path, data: bytes) -> Statements:
    """All statements of an OBJ file. Raises MeshError naming the line that is wrong."""
    lines = list(map(bytes.strip, data.splitlines()))
    if b"\\" in data:
        lines = _joined(lines)
    plain = [line.partition(b"#")[0] for line in lines] if b"#" in data else lines
    result, number = Statements(), 1
    # Lines of one kind mostly follow each other; read together, they take half the time.
    for head, group in groupby(plain, itemgetter(slice(2))):
        run = list(group)
        given = lines[number - 1:number - 1 + len(run)]
        try:
            _read_run(result, head, run, given, number)
        except (ValueError, OverflowError):
            _refuse_first(path, head, run, given, number)
            raise
        number += len(run)
    last_is_face = bool(plain) and plain[-1][:2].rstrip().lower() == b"f"
    if last_is_face and result.sizes[-1] < 3 and not data.endswith(LINE_ENDS):
        raise MeshError(f"{path}: line {len(plain)}: cut off in the middle of this face; "
                        "fetch or export it again")
    return result


def _read_run(
    result: Statements, head: bytes, run: list[bytes], given: list[bytes], number: int
) -> None:
    """Lines from `number` on that all begin with `head`, without comments and as `given`."""
    keyword = head.rstrip().lower()
    if keyword == b"v":
        result.vertices([line[1:] for line in run])
    elif keyword == b"f":
        result.faces([line[1:] for line in run], number)
    elif keyword not in (b"", b"vn", b"vt"):
        for row, line in enumerate(run):
            result.other(given[row], line, number + row)


def _refuse_first(
    path: Path, head: bytes, run: list[bytes], given: list[bytes], number: int
) -> None:
    """Raise MeshError naming the first of the lines that cannot be read by itself."""
    for row, line in enumerate(run):
        try:
            _read_run(Statements(), head, [line], [given[row]], number)
        except (ValueError, OverflowError) as error:
            raise MeshError(f"{path}: line {number + row}: {shown(given[row])}: "
                            f"{_reason(error)}") from error


def _integers(text: bytes) -> array[int]:
    """All integers of a text; of a long one, NumPy reads them faster, if they are nothing else."""
    if len(text) > LONG:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                return array("q", np.fromstring(text, np.int64, sep=" ").tobytes())
            except (ValueError, DeprecationWarning):
                pass
    return array("q", map(int, text.split()))


def _check_unknown(words: list[bytes]) -> None:
    """Raise ValueError for what may be part of the shape; programs add other statements, too."""
    if not words[0][:1].isalpha():
        raise ValueError(f"this is no statement of an OBJ file; {AGAIN}")
    corners = [word.partition(b"/")[0] for word in words[1:]]
    if len(corners) >= 3 and are_numbers(corners) and not words[0].startswith(b"v"):
        raise ValueError(f"an unknown statement, which may be part of the shape; {AGAIN}")


def _reason(error: Exception) -> str:
    """What is wrong with a line, with the remedy."""
    reason = str(error)
    if "could not convert" in reason or "invalid literal" in reason or "too " in reason:
        return f"not a number where one should stand; {AGAIN}"
    return reason if ";" in reason else f"{reason}; {AGAIN}"


def _joined(lines: list[bytes]) -> list[bytes]:
    """The lines, each that ends with a backslash continued by the next; as many as before.

    A backslash after a byte of TWO_BYTES or more is the second half of a letter, and one in a
    comment may end the name of a Windows folder.
    """
    result: list[bytes] = []
    begun: list[bytes] = []
    for line in lines:
        if line.endswith(b"\\") and b"#" not in line and line[-2:-1] < TWO_BYTES:
            begun.append(line[:-1])
            result.append(b"")
        else:
            result.append(b" ".join([*begun, line]).strip())
            begun = []
    return [*result, b" ".join(begun)] if begun else result
