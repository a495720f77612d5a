"""Reads and writes the safetensors format: a length, a json table, then the bytes. No code in it.

https://huggingface.co/docs/safetensors: 8 bytes little-endian header length N, N bytes of json
``{name: {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {text: text}}``, data.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from crossmodal.weights.errors import WeightsError

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
         "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"}
NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}
TINY = ("F4_", "F6_", "F8_")  # types of 8 bits and less, as for a model that is only run
LARGEST_HEADER = 100 * 2**20


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
    """(tensors, metadata); bfloat16 becomes float32. Raises WeightsError naming the file."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            table = _read_header(file, size)
            data = file.read()
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}; the file is truncated or broken: use an older "
                           "checkpoint, or fetch or make the file again") from error
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error}") from error
    metadata = table.pop("__metadata__", {})
    kinds = {str(entry.get("dtype")) for entry in table.values() if isinstance(entry, dict)}
    tiny = sorted(kind for kind in kinds if kind.startswith(TINY))
    if tiny:
        raise WeightsError(f"{path}: it holds numbers of type {tiny[0]}, which are not read; save "
                           "them as float16")
    try:
        if not isinstance(metadata, dict):
            raise WeightsError("__metadata__ is not a table")
        tensors = dict(_tensors(table, data))
    except (WeightsError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: {error}; the file is truncated or broken: use an older "
                           "checkpoint, or fetch or make the file again") from error
    return tensors, {str(k): str(v) for k, v in metadata.items()}


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata alone, without the tensors. Raises WeightsError naming the file."""
    try:
        with path.open("rb") as file:
            found = _read_header(file, path.stat().st_size).get("__metadata__", {})
    except (WeightsError, OSError) as error:
        raise WeightsError(f"{path}: cannot be read: {error}") from error
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _read_header(file: BinaryIO, size: int) -> dict[str, Any]:
    first = file.read(8)
    if len(first) < 8:
        raise WeightsError(f"{size} bytes are no safetensors file")
    length = struct.unpack("<Q", first)[0]
    if length > min(size - 8, LARGEST_HEADER):
        raise WeightsError(f"a header of {length} bytes in a file of {size}")
    try:
        table = json.loads(file.read(length))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"the header is not json ({error})") from error
    if not isinstance(table, dict):
        raise WeightsError("the header is not a table")
    return table


def _tensors(table: Mapping[str, Any], data: bytes) -> Iterator[tuple[str, np.ndarray]]:
    for name, entry in table.items():
        shape = tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        kind = np.dtype("<u2" if entry["dtype"] == "BF16" else TYPES.get(entry["dtype"], "V"))
        if kind.kind == "V":
            raise WeightsError(f"tensor '{name}' has the unknown type {entry['dtype']}")
        if any(type(n) is not int or n < 0 for n in (*shape, begin, end)):
            raise WeightsError(f"tensor '{name}' has a shape or place that is no number")
        if end - begin != math.prod(shape) * kind.itemsize:
            raise WeightsError(f"tensor '{name}' of shape {shape} does not fill its place")
        if end > len(data):
            raise WeightsError(f"tensor '{name}' ends after the file ({end} > {len(data)})")
        array = np.frombuffer(data, kind, math.prod(shape), begin).reshape(shape)
        yield name, bfloat16_to_float32(array) if entry["dtype"] == "BF16" else array
