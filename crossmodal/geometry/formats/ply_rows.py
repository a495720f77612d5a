"""The body of a PLY file: its elements as columns, from text or from binary numbers."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.ply_header import Element, Header
from crossmodal.geometry.formats.ragged import integers, spans
from crossmodal.geometry.formats.text import AGAIN, Numbers, plain_text, rows_of

CODES = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q",
         "f2": "e", "f4": "f", "f8": "d"}  # of the module struct


@dataclass(frozen=True)
class Lists:
    """A column of lists: their values laid end to end, and (R,) int64 their sizes."""

    values: np.ndarray
    sizes: np.ndarray


@dataclass(frozen=True)
class Columns:
    """The columns that were asked for, of single values (R,) and of lists."""

    single: dict[str, np.ndarray]
    lists: dict[str, Lists]


class _Rows(Protocol):
    """The rows of one element: where each begins, and the values at given places."""

    starts: np.ndarray

    def width(self, kind: str) -> int:
        """Places that a value takes."""

    def take(self, at: np.ndarray, kind: str) -> np.ndarray:
        """The values at places."""

    def refuse(self, wrong: np.ndarray, reason: str) -> None:
        """Raise MeshError where a row is `wrong`, (R,) bool."""

    def check_ends(self, at: np.ndarray, final: bool) -> None:
        """Raise MeshError where a row has no place left, or some left after the `final` one."""


def read_body(
    path: Path, data: bytes, header: Header, wanted: Collection[str], names: Collection[str]
) -> dict[str, Columns]:
    """{element: its columns} of the `wanted` elements; of each, the properties in `names`.

    Raises MeshError where rows are missing or other than the header says.
    """
    if header.order:
        return _read_binary(path, data, header, wanted, names)
    rows = rows_of(path, plain_text(data[header.size:]), header.lines + 1)
    columns, used = {}, 0
    for element in header.elements:
        count = element.count if element.properties else 0
        if used + count > len(rows):
            raise _cut_off(path, element, len(rows) - used)
        if element.name in wanted:
            numbers = rows.numbers(used, count, f'a row of "{element.name}"')
            columns[element.name] = _columns(element, _TextRows(numbers, element), names)
        used += count
    rows.refuse_more(used, f"{used} rows")
    return columns


def _read_binary(
    path: Path, data: bytes, header: Header, wanted: Collection[str], names: Collection[str]
) -> dict[str, Columns]:
    columns, at = {}, header.size
    for element in header.elements:
        starts, at = _row_starts(path, data, element, at, header.order)
        if element.name in wanted:
            rows = _BinaryRows(path, data, element, starts, header.order)
            columns[element.name] = _columns(element, rows, names)
    return columns


def _columns(element: Element, rows: _Rows, names: Collection[str]) -> Columns:
    columns, at = Columns({}, {}), rows.starts
    for prop in element.properties.values():
        rows.check_ends(at, final=False)
        if prop.count is None:
            if prop.name in names:
                columns.single[prop.name] = rows.take(at, prop.kind)
            at = at + rows.width(prop.kind)
            continue
        sizes, wrong = integers(rows.take(at, prop.count))
        rows.refuse(wrong | (sizes < 0), f'a list "{prop.name}" of a length that is no count')
        at, step = at + rows.width(prop.count), rows.width(prop.kind)
        rows.check_ends(at + sizes * step - 1, final=False)
        if prop.name in names:
            values = rows.take(spans(at, sizes, step), prop.kind)
            columns.lists[prop.name] = Lists(values, sizes)
        at = at + sizes * step
    rows.check_ends(at, final=True)
    return columns


class _TextRows:
    """Rows of text: a place is a word."""

    def __init__(self, numbers: Numbers, element: Element) -> None:
        self.starts = numbers.starts
        self._numbers, self._element = numbers, element

    def width(self, kind: str) -> int:
        return 1

    def take(self, at: np.ndarray, kind: str) -> np.ndarray:
        values = self._numbers.values[at]
        if kind[0] == "f":
            return values
        whole, wrong = integers(values)
        return values if wrong.any() else whole

    def refuse(self, wrong: np.ndarray, reason: str) -> None:
        self._numbers.refuse(wrong, reason)

    def check_ends(self, at: np.ndarray, final: bool) -> None:
        name, ends = self._element.name, self._numbers.ends
        if final:
            self.refuse(at != ends, f'a row of "{name}" has more numbers than the header says')
        else:
            self.refuse(at >= ends, f'a row of "{name}" has fewer numbers than the header says')


class _BinaryRows:
    """Rows of binary numbers: a place is a byte; where rows end was checked with their starts."""

    def __init__(
        self, path: Path, data: bytes, element: Element, starts: np.ndarray, order: str
    ) -> None:
        self.starts = starts
        self._path, self._data, self._element, self._order = path, data, element, order

    def width(self, kind: str) -> int:
        return np.dtype(kind).itemsize

    def take(self, at: np.ndarray, kind: str) -> np.ndarray:
        """Read through a view in which a value begins at every byte."""
        dtype = np.dtype(self._order + kind)
        places = max(len(self._data) - dtype.itemsize + 1, 0)
        every: np.ndarray = np.ndarray((places,), dtype, self._data, strides=(1,))
        return every[at].astype(kind, copy=False)

    def refuse(self, wrong: np.ndarray, reason: str) -> None:
        if wrong.any():
            raise MeshError(f'{self._path}: row {int(wrong.argmax())} of "{self._element.name}": '
                            f"{reason}; {AGAIN}")

    def check_ends(self, at: np.ndarray, final: bool) -> None:
        """Nothing is left to check."""


def _row_starts(
    path: Path, data: bytes, element: Element, at: int, order: str
) -> tuple[np.ndarray, int]:
    """(R,) int64 byte at which each row begins, and the byte after the last row."""
    if not element.properties:
        return np.zeros(0, np.int64), at
    lists, tail = _list_steps(element, order)
    count, size = element.count, _first_size(data, lists, tail, at)
    there = max(len(data) - at, 0) // size if size else 0
    if not lists and there < count:
        raise _cut_off(path, element, there)
    if size and count <= there:
        starts = at + size * np.arange(count, dtype=np.int64)
        if not lists or _all_alike(data, element, starts, order):
            return starts, at + size * count
    return _walk(path, data, element, at, lists, tail)


_Step = tuple[int, struct.Struct, int]  # bytes before a list's length, its type, a value's bytes


def _list_steps(element: Element, order: str) -> tuple[list[_Step], int]:
    """The lists of a row, and the bytes after the last of them."""
    steps, before = [], 0
    for prop in element.properties.values():
        if prop.count is None:
            before += np.dtype(prop.kind).itemsize
        else:
            length = struct.Struct(order + CODES[prop.count])
            steps.append((before, length, np.dtype(prop.kind).itemsize))
            before = 0
    return steps, before


def _first_size(data: bytes, lists: list[_Step], tail: int, at: int) -> int:
    """Bytes of the row at `at`; 0 where it does not end within the data."""
    end = at
    for before, length, item in lists:
        end += before + length.size
        if end > len(data):
            return 0
        size = length.unpack_from(data, end - length.size)[0]
        if not 0 <= size <= len(data):
            return 0
        end += int(size) * item
    return end + tail - at


def _all_alike(data: bytes, element: Element, starts: np.ndarray, order: str) -> bool:
    """Whether the lists of all rows are as long as those of the first, so that rows are, too."""
    rows = _BinaryRows(Path(), data, element, starts, order)
    at = starts
    for prop in element.properties.values():
        if prop.count is None:
            at = at + rows.width(prop.kind)
            continue
        sizes = rows.take(at, prop.count)
        if not len(sizes) or (sizes != sizes[0]).any():
            return not len(sizes)
        at = at + rows.width(prop.count) + int(sizes[0]) * rows.width(prop.kind)
    return True


def _walk(
    path: Path, data: bytes, element: Element, at: int, lists: list[_Step], tail: int
) -> tuple[np.ndarray, int]:
    """The starts of rows of different lengths, one after the other, and the end of the last."""
    starts, end_of_data = array("q"), len(data)
    steps = [(before + length.size, length.unpack_from, length.size, item)
             for before, length, item in lists]
    for row in range(element.count):
        end = at
        for before, unpack, size, item in steps:
            end += before
            count = unpack(data, end - size)[0] if end <= end_of_data else -1
            if not 0 <= count <= end_of_data:
                raise _cut_off(path, element, row)
            end += int(count) * item
        if end + tail > end_of_data:
            raise _cut_off(path, element, row)
        starts.append(at)
        at = end + tail
    return np.frombuffer(starts, np.int64), at


def _cut_off(path: Path, element: Element, there: int) -> MeshError:
    return MeshError(f"{path}: cut off or damaged: {element.there(there)} are there; "
                     "fetch or export it again")
