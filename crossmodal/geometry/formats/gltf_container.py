"""The two containers of glTF 2.0: JSON text (``.gltf``), and JSON with binary data (``.glb``)."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.gltf_document import Document, Entry, shown
from crossmodal.runtime.brief import one_line
from crossmodal.runtime.safe_files import open_regular

MAGIC = b"glTF"
JSON, BIN = 0x4E4F534A, 0x004E4942  # types of chunks
DIGITS = 20  # of an integer; no count or offset has more, and longer ones take long to read


def read_document(path: Path) -> Document:
    """What a file declares, whatever its suffix. Raises MeshError naming the file."""
    try:
        with open_regular(path) as file:
            data = file.read()
    except OSError as error:
        raise MeshError(f"{path}: cannot be read ({error.strerror})") from error
    if data[:4] != MAGIC:
        return Document(path, _root(path, data), len(data))
    whole = _whole_glb(path, memoryview(data))
    chunks = _chunks(path, whole)
    if not chunks or chunks[0][0] != JSON:
        raise MeshError(f"{path}: its first chunk is not JSON; export it again")
    binary = chunks[1][1] if len(chunks) > 1 and chunks[1][0] == BIN else None
    trailing = len(data) - len(whole)
    return Document(path, _root(path, bytes(chunks[0][1])), len(data), binary, trailing)


def read_json(path: Path) -> dict[str, Any]:
    """What a file declares, without its binary data. Raises MeshError, or OSError."""
    with open_regular(path) as file:
        start = file.read(20)
        if start[:4] != MAGIC:
            return parse(path, start + file.read())
        length = struct.unpack("<I", start[12:16])[0] if len(start) == 20 else 0
        return parse(path, file.read(min(length, path.stat().st_size)))


def parse(path: Path, text: bytes) -> dict[str, Any]:
    """The object that a JSON text holds, in UTF-8 or UTF-16, with or without a byte order mark."""
    try:
        decoded = text.decode(json.detect_encoding(text), "surrogateescape")
        root = json.loads(decoded.rstrip("\0 "), parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise MeshError(f"{path}: not a readable glTF file ({one_line(error)}); "
                        "export it again") from error
    if not isinstance(root, dict):
        raise MeshError(f"{path}: not a glTF file, its JSON is no object; export it again")
    return root


def _root(path: Path, text: bytes) -> Entry:
    root = Entry(path, "the file", parse(path, text))
    _check_version(root)
    return root


def _whole_glb(path: Path, data: memoryview) -> memoryview:
    """A .glb as far as it declares to go."""
    if len(data) < 20:
        raise MeshError(f"{path}: cut off after {len(data)} bytes; fetch it again")
    _, version, length = struct.unpack_from("<4sII", data)
    if version != 2:
        raise MeshError(f"{path}: binary glTF of version {version}; export it as glTF 2.0")
    if length > len(data):
        raise MeshError(f"{path}: cut off, it has {len(data)} of {length} bytes; fetch it again")
    return data[:length]


def _chunks(path: Path, data: memoryview) -> list[tuple[int, memoryview]]:
    """(type, content) of every chunk; fewer than 8 bytes at the end are padding."""
    found: list[tuple[int, memoryview]] = []
    start = 12
    while len(data) - start >= 8:
        length, kind = struct.unpack_from("<II", data, start)
        if length > len(data) - start - 8:
            raise MeshError(f"{path}: chunk {len(found)} claims {length} bytes, "
                            f"{len(data) - start - 8} are there; fetch or export it again")
        found.append((kind, data[start + 8:start + 8 + length]))
        start += 8 + length
    return found


def _check_version(root: Entry) -> None:
    """Raises MeshError unless the file is glTF 2.0 and needs no later one."""
    asset = root.part("asset")
    about = {} if asset is None else asset.values
    version, least = about.get("version", "2.0"), about.get("minVersion", "2.0")
    if str(version).split(".")[0] != "2":
        raise root.error(f"is glTF {shown(version)}; export it as glTF 2.0")
    if str(least) not in ("2", "2.0"):
        raise root.error(f"needs glTF {shown(least)}; export it as glTF 2.0")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= DIGITS else float(digits)
