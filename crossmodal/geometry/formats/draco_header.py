"""How many faces and points a Draco stream claims, before a decoder believes it.

https://google.github.io/draco/spec/: of streams of meshes, as versions 1.x and 2.x write them.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

MAGIC = b"DRACO"
MESH, SEQUENTIAL = 1, 0
METADATA = 0x8000  # flag: names and values stand before the mesh
VARINTS = (2, 2)  # version from which on numbers have as many bytes as they need
DEEPEST = 20  # levels of metadata


class Claim(NamedTuple):
    """What a stream says that it holds."""

    faces: int
    points: int


def claim_of(data: memoryview) -> Claim:
    """The claim of a stream. Raises ValueError where it is cut off, or no mesh."""
    try:
        magic, major, minor, kind, method, flags = struct.unpack_from("<5s4BH", data)
        if magic != MAGIC or kind != MESH:
            raise ValueError("no Draco stream of a mesh")
        reader = _Reader(data, 11, (major, minor))
        if flags & METADATA and major >= 1:
            reader.skip_metadata()
        return reader.sequential() if method == SEQUENTIAL else reader.edgebreaker()
    except (IndexError, struct.error) as error:
        raise ValueError("a Draco stream that is cut off") from error


class _Reader:
    """Goes through the head of a stream."""

    def __init__(self, data: memoryview, at: int, version: tuple[int, int]) -> None:
        self.data, self.at, self.version = data, at, version

    def sequential(self) -> Claim:
        return Claim(self._count(), self._count())

    def edgebreaker(self) -> Claim:
        self.at += 1  # how it is walked through
        if self.version < VARINTS:
            self._count()  # new vertices
        points, faces = self._count(), self._count()
        return Claim(faces, points)

    def skip_metadata(self) -> None:
        for _ in range(self._varint()):
            self._varint()
            self._skip_element(DEEPEST)
        self._skip_element(DEEPEST)

    def _skip_element(self, deep: int) -> None:
        if not deep:
            raise ValueError("metadata that is nested too deeply")
        for _ in range(self._varint()):
            self._skip_name()
            length = self._varint()
            self.at += length
        for _ in range(self._varint()):
            self._skip_name()
            self._skip_element(deep - 1)

    def _skip_name(self) -> None:
        self.at += 1 + self.data[self.at]

    def _count(self) -> int:
        if self.version >= VARINTS:
            return self._varint()
        self.at += 4
        return int(struct.unpack_from("<I", self.data, self.at - 4)[0])

    def _varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128 or shift > 63:
                return value
