"""Arrays of numbers in a glTF file: accessors, as they are stored and as what they mean."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from crossmodal.geometry.formats.gltf_buffers import Buffers
from crossmodal.geometry.formats.gltf_document import Entry, shown
from crossmodal.runtime.limits import VARIABLE, is_given, max_memory

TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
UNSIGNED = (5121, 5123, 5125)
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
MOST = 2**27  # vertices and indices read and placed, all together; some 20 million triangles
MOST_OF_NONE = 2**24  # those of a file of no size, with copies of what it has
AT_LEAST = 2**25  # of any file
MOST_OF_BYTE = 2  # and so many more for every byte
UNIT = 32  # bytes of memory that one takes, until the mesh is put together
MOST_ZEROS = 2**22  # elements of an accessor that no byte of the file stands for


class Values(NamedTuple):
    """Numbers of an accessor.

    rows    : (N, K) as they are stored
    largest : integer that stands for 1; 0 where every number stands for itself
    """

    rows: np.ndarray
    largest: int = 0

    def floats(self, chosen: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(n, K) float64: what the rows of `chosen` mean."""
        numbers = self.rows[chosen].astype(np.float64)
        return np.maximum(numbers / self.largest, -1) if self.largest else numbers


class Accessors:
    """The accessors of a file. Every method raises MeshError where one claims what is not there."""

    def __init__(self, buffers: Buffers) -> None:
        self.buffers = buffers
        self._taken = 0
        self._values: dict[int, Values] = {}

    def take(self, count: int, wanted_by: Entry) -> None:
        """To be asked before `count` vertices or indices get memory: small files can claim many."""
        self._taken += count
        most = min(MOST, max(AT_LEAST, MOST_OF_NONE + MOST_OF_BYTE * self.buffers.size))
        if is_given():
            most = max_memory() // UNIT
        if self._taken > most:
            raise wanted_by.error(f"brings the file to {self._taken} vertices and indices, more "
                                  f"than the {most} that are read of so large a file; simplify "
                                  f"it, or give it more with --max-memory ({VARIABLE} in the "
                                  "environment)")

    def entry(self, index: Any, wanted_by: Entry) -> Entry:
        return self.buffers.document.entry("accessors", index, wanted_by)

    def values(self, index: Any, kinds: tuple[str, ...], wanted_by: Entry) -> Values:
        """Those of accessor `index`, which must be of one of `kinds`, as ``("VEC3",)``."""
        entry = self.entry(index, wanted_by)
        kind = entry.text("type") or ""
        if kind not in kinds:
            raise entry.error(f"is of type {shown(kind)}, not {' or '.join(kinds)}, as "
                              f"{wanted_by.name} needs it; export the file again")
        if index not in self._values:
            rows = self._rows(entry, entry.whole("count"), _stored_as(entry), WIDTHS[kind])
            sparse = entry.part("sparse")
            if sparse is not None:
                rows = self._with_sparse(rows, sparse)
            self._values[index] = Values(rows, largest(entry))
        return self._values[index]

    def indices(self, index: Any, wanted_by: Entry) -> np.ndarray:
        """(N,) int64 whole numbers from 0."""
        entry = self.entry(index, wanted_by)
        if entry.whole("componentType") not in UNSIGNED:
            raise entry.error(f"has no whole numbers from 0, as {wanted_by.name} needs them; "
                              "export the file again")
        rows = self.values(index, ("SCALAR",), wanted_by).rows
        self.take(len(rows), entry)
        return rows[:, 0].astype(np.int64)

    def _rows(self, entry: Entry, count: int, dtype: np.dtype, width: int) -> np.ndarray:
        """(count, width) of an accessor, or of a part of a sparse one; zeros where it has no view.

        The array looks into the file's bytes.
        """
        if "bufferView" not in entry.values:
            if count > MOST_ZEROS:
                raise entry.error(f"claims {count} elements without data; export the file again")
            return np.broadcast_to(np.zeros(width, dtype), (count, width))
        view = self.buffers.view(entry.values["bufferView"], entry)
        start, size = entry.whole("byteOffset", 0), dtype.itemsize * width
        stride = view.stride or size
        if stride < size or count and start + stride * (count - 1) + size > len(view.data):
            raise entry.error(f"claims {count} elements of {size} bytes, {stride} apart, from byte "
                              f"{start} of {len(view.data)} on; fetch or export the file again")
        if count == 0:
            return np.zeros((0, width), dtype)
        return np.ndarray((count, width), dtype, view.data, start, (stride, dtype.itemsize))

    def _with_sparse(self, rows: np.ndarray, sparse: Entry) -> np.ndarray:
        """A copy of the rows with those replaced that a sparse accessor lists."""
        count, places, values = sparse.whole("count"), sparse.part("indices"), sparse.part("values")
        whole = places and values and "bufferView" in places.values.keys() & values.values.keys()
        if places is None or values is None or not whole or count > len(rows):
            raise sparse.error("is broken; export the file again")
        if places.whole("componentType") not in UNSIGNED:
            raise places.error("are no whole numbers from 0; export the file again")
        where = self._rows(places, count, _stored_as(places), 1)[:, 0].astype(np.int64)
        if count and where.max() >= len(rows):
            raise places.error(f"name element {where.max()}, there are {len(rows)}")
        self.take(len(rows) * -(-rows.shape[1] // 4), sparse)
        changed = rows.copy()
        changed[where] = self._rows(values, count, rows.dtype, rows.shape[1])
        return changed


def largest(entry: Entry) -> int:
    """The integer that stands for 1 in an accessor; 0 unless it is normalised."""
    dtype = _stored_as(entry)
    normalised = entry.values.get("normalized", False) is True and dtype.kind in "iu"
    return int(np.iinfo(dtype).max) if normalised else 0


def _stored_as(entry: Entry) -> np.dtype:
    code = entry.whole("componentType")
    if code not in TYPES:
        raise entry.error(f"has the unknown componentType {code}; export the file again")
    return np.dtype(TYPES[code])
