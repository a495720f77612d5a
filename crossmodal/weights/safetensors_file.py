"""Reads and writes the safetensors format: a length, a json table, then the bytes. No code in it.

https://huggingface.co/docs/safetensors: 8 bytes little-endian header length N, N bytes of json
``{name: {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {text: text}}``, data.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.limits import TooLarge, check_claim
from crossmodal.runtime.safe_files import JSON_FACTOR, open_regular, parse_json
from crossmodal.weights.errors import TENSOR, WeightsError

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
         "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"}
NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}
TINY = ("F4_", "F6_", "F8_")  # types of 8 bits and less, as for a model that is only run
LARGEST_HEADER = 100 * 2**20
DIMENSIONS = 64  # numpy's own limit


def bfloat16_to_float32(raw: np.ndarray) -> np.ndarray:
    """float32 of bfloat16 bit patterns held in uint16; exact."""
    return np.left_shift(raw, 16, dtype=np.uint32, out=np.empty(raw.shape, np.uint32)).view(
        np.float32
    )


def write(
    file: BinaryIO, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Writes to an open binary file. Raises WeightsError for a type the format does not have."""
    table: dict[str, Any] = {"__metadata__": dict(metadata)}
    place = 0
    arrays = in_file_order({name: storable(name, array) for name, array in tensors.items()})
    for name, array in arrays.items():
        table[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape),
                       "data_offsets": [place, place + array.nbytes]}
        place += array.nbytes
    header = json.dumps(table).encode()
    header += b" " * (-len(header) % 8)
    file.write(struct.pack("<Q", len(header)))
    file.write(header)
    for array in arrays.values():
        file.write(as_bytes(array))


def in_file_order(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The largest item sizes first, so that each tensor is aligned in memory; then by name."""
    return dict(sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])))


def as_bytes(array: np.ndarray) -> Any:
    """The array's bytes in C order, without a copy where it is already so."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def storable(name: str, value: np.ndarray) -> np.ndarray:
    """Little-endian, of a type the format has. Raises WeightsError for another one."""
    array = np.asarray(value)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if array.dtype not in NAMES:
        raise WeightsError(f"tensor '{name}' has type {array.dtype}, which cannot be stored")
    return array


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """(tensors, metadata); bfloat16 becomes float32.

    Raises WeightsError, naming the file, where it is broken or would take too much memory.
    """
    with _opened(path) as (file, size):
        table = _read_header(file, size)
        metadata = _texts(table.pop("__metadata__", {}))
        check_claim(f"its {len(table)} tensors", TENSOR * len(table), size)
        places = {name: place_of(name, entry) for name, entry in table.items()}
        data_size = size - file.tell()
        check_places(places, data_size)
        check_claim(f"its {len(places)} tensors", sum(place.claim for place in places.values()),
                    size)
        data = file.read(data_size)
        if len(data) < data_size:
            raise WeightsError("it became shorter while it was read")
        return {name: _array(place, data) for name, place in places.items()}, metadata


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata alone, without the tensors. Raises WeightsError naming the file."""
    with _opened(path) as (file, size):
        return _texts(_read_header(file, size).get("__metadata__", {}))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """(the file, its size); what is wrong with it names the file and the remedy."""
    try:
        with open_regular(path) as file:
            yield file, os.fstat(file.fileno()).st_size
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except TooLarge as error:
        raise WeightsError(f"{path}: {error}") from error
    except _OtherType as error:
        raise WeightsError(f"{path}: {error}") from error
    except ValueError as error:
        raise WeightsError(f"{path}: {one_line(error)}; the file is truncated or broken: use an "
                           "older checkpoint, or fetch or make the file again") from error


def _read_header(file: BinaryIO, size: int) -> dict[str, Any]:
    first = file.read(8)
    if len(first) < 8:
        raise WeightsError(f"{size} bytes are no safetensors file")
    length = struct.unpack("<Q", first)[0]
    if length > min(size - 8, LARGEST_HEADER):
        raise WeightsError(f"a header of {length} bytes in a file of {size}")
    check_claim("its header", length * JSON_FACTOR, size)
    try:
        table = parse_json(file.read(length))
    except ValueError as error:
        raise WeightsError(f"the header is {error}") from error
    if not isinstance(table, dict):
        raise WeightsError("the header is not a table")
    return table


def _texts(metadata: Any) -> dict[str, str]:
    """The metadata: text -> text, or a number or the like, of which a text is made."""
    if not isinstance(metadata, dict):
        raise WeightsError(f"__metadata__ is {brief(metadata)}, not a table")
    wrong = next((k for k, v in metadata.items() if isinstance(v, (dict, list))), None)
    if wrong is not None:
        raise WeightsError(f"{brief(wrong)} of __metadata__ is {brief(metadata[wrong])}, no text")
    return {k: str(v) for k, v in metadata.items()}


class _OtherType(WeightsError):
    """A tensor of a type that is not read: nothing is broken."""


class Place(NamedTuple):
    """Where a tensor lies in the data, and what it is."""

    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def dtype(self) -> np.dtype:
        return np.dtype("<u2" if self.kind == "BF16" else TYPES[self.kind])

    @property
    def claim(self) -> int:
        """Bytes that its array takes."""
        return TENSOR + (self.end - self.begin) * (2 if self.kind == "BF16" else 1)


def place_of(name: str, entry: Any) -> Place:
    """What the header says of a tensor; raises WeightsError where that cannot be."""
    shown = f"tensor {brief(name)}"
    if not isinstance(entry, dict):
        raise WeightsError(f"{shown} is {brief(entry)}, not a table")
    kind: Any = entry.get("dtype")
    shape: Any = entry.get("shape")
    ends: Any = entry.get("data_offsets")
    if isinstance(kind, str) and kind.startswith(TINY):
        raise _OtherType(f"it holds numbers of type {kind[:10]}, which are not read; save them as "
                         "float16")
    if kind != "BF16" and (not isinstance(kind, str) or kind not in TYPES):
        raise WeightsError(f"{shown} has the unknown type {brief(kind)}")
    if not _is_list(shape, DIMENSIONS) or not _is_list(ends, 2) or len(ends) < 2:
        raise WeightsError(f"{shown} has a shape or place that is no number")
    place = Place(kind, tuple(shape), *ends)
    if place.end - place.begin != math.prod(shape) * place.dtype.itemsize:
        raise WeightsError(f"{shown} of shape {brief(place.shape)} does not fill its place")
    return place


def _is_list(value: Any, longest: int) -> bool:
    return (isinstance(value, list) and len(value) <= longest
            and all(type(n) is int and 0 <= n < 2**63 for n in value))


def check_places(places: Mapping[str, Place], size: int) -> None:
    """Raise WeightsError where a tensor ends after the data, or begins within another one."""
    filled = sorted((place.begin, place.end, name) for name, place in places.items()
                    if place.end > place.begin)
    reached, before = 0, ""
    for begin, end, name in filled:
        if begin < reached:
            raise WeightsError(f"tensors {brief(before)} and {brief(name)} share bytes, which the "
                               "format forbids")
        reached, before = end, name
    if reached > size:
        raise WeightsError(f"tensor {brief(before)} ends after the file ({reached} > {size})")


def _array(place: Place, data: bytes) -> np.ndarray:
    array = np.frombuffer(data, place.dtype, math.prod(place.shape), place.begin)
    shaped = array.reshape(place.shape)
    return bfloat16_to_float32(shaped) if place.kind == "BF16" else shaped
