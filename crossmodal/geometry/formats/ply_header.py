"""The header of a PLY file: what its body holds, and how it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.text import AGAIN, DIGITS, shown
from crossmodal.runtime.brief import brief

KINDS = {  # NumPy's name of each type
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "float": "f4", "double": "f8",
    "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "int64": "i8", "uint64": "u8", "float16": "f2", "float32": "f4", "float64": "f8",
}
MOST_PROPERTIES = 10_000  # of all elements
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
END = re.compile(rb"[\r\n][ \t]*end_header[ \t]*(\r\n|\n|\r|$)")


@dataclass(frozen=True)
class Property:
    """One value of each row of an element, or a list of values.

    kind  : NumPy's name of the type, such as "f4"
    count : that of the list's length; None for a single value
    """

    name: str
    kind: str
    count: str | None


@dataclass(frozen=True)
class Element:
    """A table of `count` rows."""

    name: str
    count: int
    properties: dict[str, Property] = field(default_factory=dict)  # by name, in order

    def there(self, count: int) -> str:
        """How many of the rows are there, for a message."""
        rows = {"vertex": "vertices", "face": "faces"}.get(self.name, f'rows of "{self.name}"')
        return f"{count} of {self.count} {rows}"


@dataclass(frozen=True)
class Header:
    """What a header says.

    order    : "" for text, "<" or ">" for binary numbers
    size     : bytes up to the body; lines : lines up to there
    comments : the words after ``comment`` and ``obj_info``
    """

    order: str
    elements: list[Element]
    comments: list[str]
    size: int
    lines: int


def read_header(path: Path, data: bytes) -> Header:
    """The header at the start of a PLY file. Raises MeshError naming the line."""
    if data[:3].lower() != b"ply" or not data[3:4].isspace():
        raise MeshError(f"{path}: no PLY file: it begins with {shown(data[:20])}, not with ply; "
                        "fetch or export it again")
    end = END.search(data)
    if end is None:
        raise MeshError(f"{path}: the header has no end_header, the file is cut off; "
                        "fetch or export it again")
    lines = data[:end.start()].splitlines()
    order: str | None = None
    elements: dict[str, Element] = {}
    comments: list[str] = []
    properties = 0
    for number, line in enumerate(lines[1:], 2):
        words = line.decode("utf-8", "replace").split()
        try:
            if not words:
                continue
            if words[0] in ("comment", "obj_info"):
                comments.append(" ".join(words[1:]))
            elif words[0] == "format":
                order = _order(words)
            elif words[0] == "element":
                element = _element(words, elements)
                elements[element.name] = element
            elif words[0] == "property" and elements:
                properties += 1
                if properties > MOST_PROPERTIES or len(elements) > MOST_PROPERTIES:
                    raise ValueError(f"more than {MOST_PROPERTIES} elements or properties")
                prop = _property(words, element)
                element.properties[prop.name] = prop
            elif elements or words[0] == "property":  # before, a comment may lack its word
                raise ValueError("it is no statement of a PLY header")
        except ValueError as error:
            raise MeshError(f"{path}: line {number}: {shown(line)}: {error}; {AGAIN}") from error
    if order is None:
        raise MeshError(f"{path}: the header does not name the format; {AGAIN}")
    return Header(order, list(elements.values()), comments, _size(data, end), len(lines) + 1)


def _size(data: bytes, end: re.Match[bytes]) -> int:
    """Bytes up to the body: where lines end with a CR alone, an LF is the first of the body."""
    only_cr = data[3:].lstrip(b" \t")[:1] == b"\r" and data[3:].lstrip(b" \t")[:2] != b"\r\n"
    return end.start(1) + 1 if only_cr and end.group(1) else end.end()


def _order(words: list[str]) -> str:
    if len(words) < 2 or words[1] not in ORDERS:
        raise ValueError(f"unknown format (known: {', '.join(ORDERS)})")
    return ORDERS[words[1]]


def _element(words: list[str], elements: dict[str, Element]) -> Element:
    if len(words) != 3 or not words[2].isascii() or not words[2].isdigit():
        raise ValueError("an element has a name and a count")
    if len(words[2]) > DIGITS or len(elements) > MOST_PROPERTIES:
        raise ValueError("too many rows, or too many elements")
    if words[1] in elements:
        raise ValueError("this element stands twice in the header")
    return Element(words[1], int(words[2]))


def _property(words: list[str], element: Element) -> Property:
    is_list = len(words) > 1 and words[1] == "list"
    if len(words) != (5 if is_list else 3):
        raise ValueError("a property has a type and a name, a list the types of count and values")
    unknown = [word for word in words[2 if is_list else 1:-1] if word not in KINDS]
    if unknown:
        raise ValueError(f"unknown type {brief(unknown[0])}")
    if words[-1] in element.properties:
        raise ValueError("this property stands twice in its element")
    kinds = [KINDS[word] for word in words[2 if is_list else 1:-1]]
    return Property(words[-1], kinds[-1], kinds[0] if is_list else None)
