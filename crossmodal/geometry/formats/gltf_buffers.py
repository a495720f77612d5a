"""The bytes of a glTF file: its buffers, wherever they lie, and the views into them."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.beside import Folder, NotBeside, is_file
from crossmodal.geometry.formats.gltf_document import Document, Entry, shown
from crossmodal.geometry.formats.gltf_extensions import MESHOPT
from crossmodal.geometry.formats.gltf_meshopt import decode_view
from crossmodal.runtime.safe_files import open_regular

DATA = re.compile(r"data:([^,]{,1000}),", re.IGNORECASE)


class View(NamedTuple):
    """Bytes of a buffer; stride : from element to element, 0 where they follow one another."""

    data: memoryview
    stride: int


class Buffers:
    """The buffers and views of a file, each read when it is first asked for.

    Every method raises MeshError where the bytes are fewer than the file claims, or not there.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.size = document.size  # of the file and of all others that were read for it, in bytes
        self._folder = Folder(document.path.parent)
        self._buffers: dict[int, memoryview] = {}
        self._files: dict[Path, memoryview] = {}
        self._views: dict[int, View] = {}

    def view(self, index: Any, wanted_by: Entry) -> View:
        """A bufferView by its number, decompressed if need be."""
        entry = self.document.entry("bufferViews", index, wanted_by)
        if index not in self._views:
            packed = entry.extension(*MESHOPT)
            data = (self._slice(entry) if packed is None or self._has_plain_bytes(entry)
                    else decode_view(packed, self._slice(packed)))
            self._views[index] = View(data, entry.whole("byteStride", 0))
        return self._views[index]

    def bytes_of(self, uri: str, wanted_by: Entry) -> memoryview:
        """What a data: URI holds, or a file in the model's folder."""
        embedded = DATA.match(uri)
        if embedded:
            return _embedded(embedded[1], uri[embedded.end():], wanted_by)
        return self._file(uri, wanted_by)

    def _buffer(self, index: int, wanted_by: Entry) -> memoryview:
        entry = self.document.entry("buffers", index, wanted_by)
        if index not in self._buffers:
            uri = entry.text("uri")
            data = self.document.binary if index == 0 else None
            if uri is not None:
                data = self.bytes_of(uri, entry)
            if data is None:
                raise entry.error("has no data in the file; export it again")
            self._buffers[index] = _cut(data, 0, entry.whole("byteLength"), entry)
        return self._buffers[index]

    def _slice(self, part: Entry) -> memoryview:
        """The bytes that a view, or what is compressed in its stead, names."""
        data = self._buffer(part.whole("buffer"), part)
        return _cut(data, part.whole("byteOffset", 0), part.whole("byteLength"), part)

    def _has_plain_bytes(self, view: Entry) -> bool:
        """Does a compressed view have its bytes uncompressed too, for readers without the codec?"""
        if self.document.required & set(MESHOPT):
            return False
        index = view.whole("buffer")
        buffer = self.document.entry("buffers", index, view)
        uri = buffer.text("uri")
        if uri is None:
            marked = buffer.extension(*MESHOPT)
            return index == 0 and self.document.binary is not None and marked is None
        try:
            return bool(DATA.match(uri)) or is_file(self._folder.by_uri(uri))
        except NotBeside:
            return False

    def _file(self, uri: str, wanted_by: Entry) -> memoryview:
        """A file in the model's folder, read once."""
        try:
            path = self._folder.by_uri(uri)
        except NotBeside as error:
            raise wanted_by.error(f"names {shown(uri)}, which {error}") from error
        if path not in self._files:
            self._files[path] = self._read(path)
            self.size += len(self._files[path])
        return self._files[path]

    def _read(self, path: Path) -> memoryview:
        name = str(path.relative_to(self._folder.path))
        name = name if name.isprintable() else ascii(name)
        needed = f"{self.document.path}: {name}, which the file needs,"
        if not is_file(path):
            raise MeshError(f"{needed} is not there; put it in the file's folder")
        try:
            with open_regular(path) as file:
                return memoryview(file.read())
        except OSError as error:
            raise MeshError(f"{needed} cannot be read ({error.strerror})") from error


def _embedded(kind: str, text: str, wanted_by: Entry) -> memoryview:
    try:
        content = unquote_to_bytes(text.encode("ascii"))
        if not kind.lower().endswith(";base64"):
            return memoryview(content)
        return memoryview(base64.b64decode(b"".join(content.split()), validate=True))
    except ValueError as error:
        raise wanted_by.error("has data that is no base64; export it again") from error


def _cut(data: memoryview, start: int, length: int, entry: Entry) -> memoryview:
    if start + length > len(data):
        raise entry.error(f"claims {length} bytes from byte {start} on, there are {len(data)}; "
                          "fetch or export the file again")
    return data[start:start + length]
