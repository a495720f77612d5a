"""The statements of a Wavefront OBJ file, gathered line by line."""

from __future__ import annotations

import re
import warnings
from array import array
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.obj_materials import material_name
from crossmodal.geometry.formats.text import AGAIN, DIGITS, are_numbers, shown

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


class WrongLineError(ValueError):
    """What is wrong with a statement, and the remedy."""


class Run(NamedTuple):
    """What holds from a face on: the material, and the object and group."""

    first_face: int
    material: bytes
    part: tuple[bytes, bytes]


@dataclass
class Statements:
    """What an OBJ file says.

    positions : x y z of each vertex; colours : r g b of the `coloured` vertices, counted from 0
    corners   : the vertices of all faces, as written; sizes : corners of each face
    blocks    : of faces on lines that follow each other, three numbers: the first of them, its
        line, and the vertices before it
    libraries : what stands after ``mtllib``, as keys in their order
    """

    positions: array[float] = field(default_factory=lambda: array("d"))
    colours: array[float] = field(default_factory=lambda: array("d"))
    coloured: array[int] = field(default_factory=lambda: array("q"))
    corners: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    blocks: array[int] = field(default_factory=lambda: array("q"))
    runs: list[Run] = field(default_factory=lambda: [Run(0, b"", (b"", b""))])
    libraries: dict[bytes, None] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)

    def vertices(self, texts: list[bytes]) -> None:
        """What stands after ``v``: x y z, x y z w, x y z r g b or more; w is for curves alone."""
        widths = set(map(len, map(bytes.split, texts)))
        if widths == {3}:
            self.positions.extend(map(float, b" ".join(texts).split()))
            return
        if min(widths) < 3:
            raise WrongLineError(f"a vertex has three numbers; {AGAIN}")
        for words in map(bytes.split, texts):
            self.positions.extend(map(float, words[:3]))
            if len(words) > 5:
                self.coloured.append(len(self.positions) // 3 - 1)
                self.colours.extend(map(float, words[3:6]))

    def faces(self, texts: list[bytes], line: int) -> None:
        """What stands after ``f``: corners such as 1, 1/2, 1//3 or 1/2/3, of which 1 is read."""
        sizes = list(map(len, map(bytes.split, texts)))
        if min(sizes) < 1:
            raise WrongLineError(f"a face without corners; {AGAIN}")
        self.left_out.update(kind for size, kind in WITHOUT_AREA.items() if size in sizes)
        corners = _integers(TEXTURE_AND_NORMAL.sub(b"", b" ".join(texts)))
        if len(corners) != sum(sizes):
            raise WrongLineError(f"a corner names no vertex; {AGAIN}")
        self.blocks.extend((len(self.sizes), line, len(self.positions) // 3))
        self.corners.extend(corners)
        self.sizes.extend(sizes)

    def other(self, line: bytes, plain: bytes, number: int) -> None:
        """Any other statement; `plain` is its line without a comment.

        Raises WrongLineError for one that makes a surface and is not read.
        """
        words = plain.split()
        keyword, last = words[0].lower(), self.runs[-1]
        if keyword == b"usemtl":
            self._begin(material_name(line), last.part)
        elif keyword == b"o":
            self._begin(last.material, (material_name(line), b""))
        elif keyword == b"g":
            self._begin(last.material, (last.part[0], material_name(line)))
        elif keyword == b"mtllib":
            self.libraries[line.strip()[len(keyword):].strip()] = None
        elif keyword == b"fo":  # the old name of a face
            self.faces([b" ".join(words[1:])], number)
        elif keyword in LEFT_OUT:
            self.left_out.add(LEFT_OUT[keyword])
        elif keyword in SURFACES:
            raise WrongLineError("free-form surfaces are not read; export the mesh as polygons")
        elif keyword in OTHER_FILES:
            raise WrongLineError("other files are not read in; export the mesh as one file")
        elif keyword not in SAYS_NOTHING:
            _check_unknown(words)

    def _begin(self, material: bytes, part: tuple[bytes, bytes]) -> None:
        """A run from here on; one without faces is forgotten."""
        if self.runs[-1].first_face == len(self.sizes):
            self.runs.pop()
        self.runs.append(Run(len(self.sizes), material, part))


def read_statements(path: Path, data: bytes) -> Statements:
    """All statements of an OBJ file. Raises MeshError naming the line that is wrong."""
    lines = list(map(bytes.strip, data.splitlines()))
    if b"\\" in data:
        lines = _joined(lines)
    plain = [line.partition(b"#")[0] for line in lines] if b"#" in data else lines
    result, number = Statements(), 1
    # Lines of one kind mostly follow each other; read together, they take half the time.
    for head, group in groupby(plain, itemgetter(slice(2))):
        texts = list(group)
        given = lines[number - 1:number - 1 + len(texts)]
        try:
            _read_lines(result, head, texts, given, number)
        except (ValueError, OverflowError):
            raise _first_wrong(path, head, texts, given, number) from None
        number += len(texts)
    last_is_face = bool(plain) and plain[-1][:2].rstrip().lower() == b"f"
    if last_is_face and result.sizes[-1] < 3 and not data.endswith(LINE_ENDS):
        raise MeshError(f"{path}: line {len(plain)}: cut off in the middle of this face; "
                        "fetch or export it again")
    return result


def _read_lines(
    result: Statements, head: bytes, texts: list[bytes], given: list[bytes], number: int
) -> None:
    """Lines from `number` on that all begin with `head`, without comments and as `given`."""
    keyword = head.rstrip().lower()
    if keyword == b"v":
        result.vertices([text[1:] for text in texts])
    elif keyword == b"f":
        result.faces([text[1:] for text in texts], number)
    elif keyword not in (b"", b"vn", b"vt"):
        for row, text in enumerate(texts):
            result.other(given[row], text, number + row)


def _first_wrong(
    path: Path, head: bytes, texts: list[bytes], given: list[bytes], number: int
) -> MeshError:
    """What is wrong with the first of the lines that cannot be read, found by halves."""
    first, last = 0, len(texts)
    numbers = f"not a number where one should stand; {AGAIN}"
    while last - first > 1:
        middle = (first + last) // 2
        if _error(head, texts[first:middle], given[first:middle]) is None:
            first = middle
        else:
            last = middle
    error = _error(head, texts[first:last], given[first:last])
    reason = str(error) if isinstance(error, WrongLineError) else numbers
    return MeshError(f"{path}: line {number + first}: {shown(given[first])}: {reason}")


def _error(head: bytes, texts: list[bytes], given: list[bytes]) -> ValueError | None:
    try:
        _read_lines(Statements(), head, texts, given, 0)
    except OverflowError:
        return ValueError("a number that is too large")
    except ValueError as error:
        return error
    return None


def _integers(text: bytes) -> array[int]:
    """All integers of a text; NumPy reads a long one faster, if it is digits and blanks alone."""
    if len(text) > LONG and b"-" not in text and b"+" not in text:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                return array("q", np.fromstring(text, np.int64, sep=" ").tobytes())
            except (ValueError, DeprecationWarning):
                pass
    words = text.split()
    if words and max(map(len, words)) > DIGITS:
        raise ValueError("a number of too many digits")
    return array("q", map(int, words))


def _check_unknown(words: list[bytes]) -> None:
    """Raise WrongLineError for what may be part of the shape; programs add statements of theirs."""
    if not words[0].replace(b"_", b"").isalpha():
        raise WrongLineError(f"this is no statement of an OBJ file; {AGAIN}")
    corners = [word.partition(b"/")[0] for word in words[1:]]
    if len(corners) >= 3 and are_numbers(corners) and not words[0].startswith(b"v"):
        raise WrongLineError(f"an unknown statement, which may be part of the shape; {AGAIN}")


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
