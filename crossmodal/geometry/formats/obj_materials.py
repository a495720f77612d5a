"""Colours of materials, from the libraries (``.mtl``) that an OBJ file names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.beside import Folder, NotBeside, is_file
from crossmodal.geometry.formats.colours import GREY
from crossmodal.geometry.formats.text import plain_text, read_bytes

Colour = tuple[int, int, int]
MOST_NAMES = 2_000  # of files of materials that are looked for
MOST_LIBRARIES = 1000  # that are read


def read_materials(path: Path, libraries: Iterable[bytes]) -> tuple[dict[bytes, Colour], set[str]]:
    """{name: diffuse colour} of all materials, and the kinds of content that are left out.

    path      : the OBJ file
    libraries : what stands after ``mtllib``, as bytes; one that cannot be read costs its colours
    """
    materials: dict[bytes, Colour] = {}
    ignored: set[str] = set()
    for library in _libraries(Folder(path.parent), libraries):
        lines = _lines(library)
        if not lines:
            ignored.add("materials")
        for name, colour, textured in _materials(lines):
            materials.setdefault(name, colour)
            materials.setdefault(without_comment(name), colour)
            if textured:
                ignored.add("textures")
    return materials, ignored


def material_name(line: bytes) -> bytes:
    """The name in a line such as ``usemtl NAME``; it may hold blanks and ``#``."""
    return b" ".join(line.split()[1:])


def without_comment(name: bytes) -> bytes:
    """The name without what may be a comment after it."""
    return name.partition(b" #")[0]


def _libraries(folder: Folder, texts: Iterable[bytes]) -> list[Path | None]:
    """The files of materials, each once; None: one that is not to be had."""
    found: dict[Path | None, Path | None] = {}
    every = (path for text in texts for path in _paths(folder, text))
    for path in islice(every, MOST_NAMES):
        found.setdefault(path and path.resolve(), path)
    return list(found.values())[:MOST_LIBRARIES]


def _paths(folder: Folder, text: bytes) -> Iterator[Path | None]:
    """The libraries of one line: one name with blanks, or several names; None if not to be had."""
    names = [text, without_comment(text)]
    whole = next((path for path in map(lambda name: _beside(folder, name), names) if path), None)
    if whole:
        yield whole
        return
    words = without_comment(text).split()
    yield from (_beside(folder, word) for word in words)
    if not words:
        yield None


def _lines(library: Path | None) -> list[bytes]:
    try:
        return plain_text(read_bytes(library)).splitlines() if library else []
    except MeshError:
        return []


def _beside(folder: Folder, name: bytes) -> Path | None:
    """The file of a name, if it lies in the folder or below: a mesh opens no other files."""
    try:
        path = folder.by_name(os.fsdecode(name))
    except NotBeside:
        return None
    return path if is_file(path) else None


def _materials(lines: list[bytes]) -> Iterator[tuple[bytes, Colour, bool]]:
    """Name, diffuse colour, and whether there is a texture, of each material."""
    name, colour, textured = None, GREY, False
    for line in lines:
        words = line.split()
        keyword = words[0].lower() if words else b""
        if keyword == b"newmtl":
            if name is not None:
                yield name, colour, textured
            name, colour, textured = material_name(line), GREY, False
        elif keyword == b"kd":
            colour = _diffuse(words[1:]) or colour
        elif keyword == b"map_kd":
            textured = True
    if name is not None:
        yield name, colour, textured


def _diffuse(words: list[bytes]) -> Colour | None:
    """The colour of ``Kd r g b``; r alone is a grey. None for a spectrum or other than numbers."""
    try:
        values = [float(word) for word in words[:3] if not word.startswith(b"#")]
    except ValueError:
        return None
    if len(values) not in (1, 3):
        return None
    red, green, blue = (_as_byte(value) for value in values * (3 // len(values)))
    return red, green, blue


def _as_byte(value: float) -> int:
    """0..255 of 0..1; see `as_bytes`, which takes long for one number."""
    return round(255 * min(max(value, 0), 1)) if value == value else 0
