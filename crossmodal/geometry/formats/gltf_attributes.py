"""The numbers of one primitive's vertices, from accessors or from a Draco stream."""

from __future__ import annotations

import numpy as np

from crossmodal.geometry.formats.gltf_accessors import WIDTHS, Accessors, Values, largest
from crossmodal.geometry.formats.gltf_document import Entry, shown
from crossmodal.geometry.formats.gltf_draco import Decoded, decode_primitive
from crossmodal.geometry.formats.gltf_extensions import DRACO


class Attributes:
    """What a primitive says of its vertices. Every method raises MeshError where it is broken.

    primitive : of a mesh; corners : (n,) int64 numbers of vertices, None where they are in order;
    decoded : whether it is compressed with Draco, whose corners are always three a triangle
    """

    def __init__(self, primitive: Entry, accessors: Accessors) -> None:
        self.primitive = primitive
        self.accessors = accessors
        given = primitive.part("attributes")
        self.given = given or Entry(primitive.path, primitive.name, {})
        self._decoded = self._decode()
        self.corners = self._corners()

    @property
    def decoded(self) -> bool:
        return self._decoded is not None

    def get(self, name: str, kinds: tuple[str, ...]) -> Values | None:
        """An attribute such as ``POSITION``, which must be of one of `kinds`; None if absent."""
        if name not in self.given.values:
            return None
        index = self.given.values[name]
        if self._decoded is None or name not in self._decoded.attributes:
            return self.accessors.values(index, kinds, self.primitive)
        rows = self._decoded.attributes[name]
        if rows.shape[1] not in {WIDTHS[kind] for kind in kinds}:
            raise self.primitive.error(f"has {shown(name)} of {rows.shape[1]} numbers in its Draco "
                                       "stream; export it without compression")
        return Values(rows, largest(self.accessors.entry(index, self.primitive)))

    def _decode(self) -> Decoded | None:
        """The Draco stream, unless there is none, or the same as plain accessors beside it."""
        packed = self.primitive.extension(DRACO)
        if packed is None or self._is_plain_too():
            return None
        view = self.accessors.buffers.view(packed.values.get("bufferView"), packed)
        return decode_primitive(packed, view.data)

    def _is_plain_too(self) -> bool:
        if DRACO in self.accessors.buffers.document.required:
            return False
        needed = [self.given.values.get("POSITION"), self.primitive.values.get("indices")]
        entries = [self.accessors.entry(index, self.primitive) for index in needed
                   if index is not None]
        return bool(entries) and all("bufferView" in entry.values for entry in entries)

    def _corners(self) -> np.ndarray | None:
        if self._decoded is not None:
            self.accessors.take(len(self._decoded.corners), self.primitive)
            return self._decoded.corners
        if "indices" not in self.primitive.values:
            return None
        return self.accessors.indices(self.primitive.values["indices"], self.primitive)
