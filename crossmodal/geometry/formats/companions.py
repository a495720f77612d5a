"""The other files that a mesh file needs: buffers, materials and textures in its folder."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Callable

from crossmodal.geometry.formats.beside import Folder, NotBeside, is_file
from crossmodal.geometry.formats.gltf_container import read_json
from crossmodal.runtime.safe_files import open_regular

LIBRARY = b"mtllib"
LONGEST = 4096  # bytes of a line that names materials
MOST_LIBRARIES = 100  # of one file
MOST_BYTES = 1 << 24  # of a file of materials
MOST_TEXTURES = 1000  # of one model
MOST_FILES = 2_000  # of one glTF
TEXTURE = re.compile(
    rb"(?:^|[\r\n])[ \t]*(?:map_\w+|bump|disp|decal|refl|norm)[ \t]+([^\r\n]+)", re.IGNORECASE)


def companions(path: Path) -> list[Path]:
    """Files that belong to a model: those it names, as far as they exist and lie in its folder.

    Of a glTF the buffers and images, of an .obj the files of materials and their textures, of any
    other file none. Never raises: of a broken file as many as can be told.
    """
    kind = path.suffix.lower()
    try:
        if kind in (".gltf", ".glb"):
            found = list(_of_gltf(path))
        else:
            found = list(_of_obj(path)) if kind == ".obj" else []
    except (OSError, ValueError, RuntimeError, MemoryError):  # MeshError is a ValueError
        return []
    return list(dict.fromkeys(found))


def _of_gltf(path: Path) -> Iterator[Path]:
    root, folder = read_json(path), Folder(path.parent)
    entries = [*_list(root, "buffers"), *_list(root, "images")]
    given = (entry.get("uri") for entry in entries if isinstance(entry, dict))
    uris: dict[str, None] = dict.fromkeys(uri for uri in given if isinstance(uri, str))
    yield from _existing(folder.by_uri, islice(uris, MOST_FILES))


def _of_obj(path: Path) -> Iterator[Path]:
    folder = Folder(path.parent)
    left = MOST_TEXTURES
    for line in _library_lines(path):
        whole = [line, *line.split()]  # a name with spaces, or several names
        for library in dict.fromkeys(_existing(folder.by_name, map(os.fsdecode, whole))):
            textures = _textures(library, left)
            left -= len(textures)
            yield library
            yield from filter(None, textures)


def _library_lines(path: Path) -> list[bytes]:
    """What follows every ``mtllib`` that begins a line of an .obj; the file may be large."""
    found: dict[bytes, None] = {}
    with open_regular(path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(LIBRARY)
        while at >= 0 and len(found) < MOST_LIBRARIES:
            end = at + len(LIBRARY)
            before = re.split(rb"[\r\n]", data[max(0, at - 99):at])[-1]
            if not before.strip(b"\xef\xbb\xbf \t") and data[end:end + 1] in b" \t":
                found[re.split(rb"[\r\n]", data[end:end + LONGEST])[0].strip()] = None
            at = data.find(LIBRARY, end)
    return list(found)


def _textures(library: Path, most: int) -> list[Path | None]:
    """The images that a file of materials names, each after any number of options; None: absent."""
    try:
        with open_regular(library) as file:
            text = file.read(MOST_BYTES)
    except OSError:
        return []
    folder = Folder(library.parent)
    lines = dict.fromkeys(match[1][:LONGEST].strip() for match in TEXTURE.finditer(text))
    return [next(_existing(folder.by_name, map(os.fsdecode, _endings(line))), None)
            for line in islice(lines, most)]


def _endings(line: bytes) -> Iterator[bytes]:
    """The line, and what is left of it without its first words: options of any number."""
    return (line.split(None, skipped)[-1] for skipped in range(min(len(line.split()), 20)))


def _existing(find: Callable[[str], Path], names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        try:
            path = find(name)
        except NotBeside:
            continue
        if is_file(path):
            yield path


def _list(root: dict[str, Any], key: str) -> list[Any]:
    value = root.get(key)
    return value if isinstance(value, list) else []
