"""Writes torch's two file forms by hand: opcode by opcode, so that no torch is needed."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

STORAGE = {"<f8": "DoubleStorage", "<f4": "FloatStorage", "<f2": "HalfStorage",
           "<i8": "LongStorage", "|u1": "ByteStorage", "<u2": "BFloat16Storage"}


class Tensor(NamedTuple):
    """A tensor to be written: all stored numbers, and which of them it is."""

    name: str
    numbers: np.ndarray  # 1-D storage; uint16 stands for bfloat16
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int = 0


def whole(name: str, array: np.ndarray) -> Tensor:
    """A tensor that is its storage."""
    strides = tuple(s // array.itemsize for s in np.ascontiguousarray(array).strides)
    return Tensor(name, np.ascontiguousarray(array).reshape(-1), array.shape, strides[:array.ndim])


def _text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _numbers(values: Sequence[int]) -> bytes:
    return b"(" + b"".join(_number(v) for v in values) + b"t"


def _storage(tensor: Tensor, key: str, legacy: bool) -> bytes:
    kind = STORAGE[tensor.numbers.dtype.newbyteorder("<").str]
    parts = [_text("storage"), f"ctorch\n{kind}\n".encode(), _text(key), _text("cpu"),
             _number(len(tensor.numbers))]
    return b"(" + b"".join(parts) + (b"N" if legacy else b"") + b"tQ"


def pickled(tensors: Sequence[Tensor], legacy: bool = False) -> bytes:
    """The pickle of an OrderedDict of tensors, as torch writes it."""
    out = [b"\x80\x02ccollections\nOrderedDict\n)R("]
    for i, tensor in enumerate(tensors):
        out += [_text(tensor.name), b"ctorch._utils\n_rebuild_tensor_v2\n(",
                _storage(tensor, str(i), legacy), _number(tensor.offset), _numbers(tensor.size),
                _numbers(tensor.stride), b"\x89ccollections\nOrderedDict\n)R", b"tR"]
    out += [b"u}", _text("_metadata"), b"}sb."]
    return b"".join(out)


def zip_file(tensors: Sequence[Tensor], data_pkl: bytes | None = None) -> bytes:
    """torch >= 1.6."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", data_pkl or pickled(tensors))
        archive.writestr("archive/byteorder", "little")
        for i, tensor in enumerate(tensors):
            archive.writestr(f"archive/data/{i}", tensor.numbers.tobytes())
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def legacy_file(tensors: Sequence[Tensor]) -> bytes:
    """torch < 1.6."""
    system: dict[str, Any] = {"protocol_version": 1001, "little_endian": True,
                              "type_sizes": {"short": 2, "int": 4, "long": 4}}
    head = [pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, system)]
    keys = pickle.dumps([str(i) for i in range(len(tensors))], 2)
    tail = [struct.pack("<q", len(t.numbers)) + t.numbers.tobytes() for t in tensors]
    return b"".join([*head, pickled(tensors, legacy=True), keys, *tail])
