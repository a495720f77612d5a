"""Tensors and storages as the pickles of a torch file describe them: an allow-list of stand-ins."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from crossmodal.data import safe_pickle
from crossmodal.data.pickle_machine import Machine
from crossmodal.data.pickle_stand_ins import StandIn, allow_list, is_shape
from crossmodal.data.pickle_stream import BadPickle, Stream, UnsafePickle
from crossmodal.runtime.brief import brief
from crossmodal.weights.safetensors_file import bfloat16_to_float32

STORAGES = {"DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2",
            "BFloat16Storage": "bf16", "LongStorage": "<i8", "IntStorage": "<i4",
            "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?"}


class StorageType(NamedTuple):
    """Stands in for ``torch.FloatStorage`` and its like."""

    code: str

    @property
    def dtype(self) -> np.dtype:
        return np.dtype("<u2" if self.code == "bf16" else self.code)


class Storage(NamedTuple):
    """A storage the pickle refers to; its numbers are elsewhere in the file."""

    kind: StorageType
    key: str
    numbers: int


class TensorStandIn(StandIn):
    """A tensor as the pickle describes it."""

    __slots__ = ("storage", "offset", "size", "stride")

    def __init__(self, storage: Storage, offset: int, size: tuple[int, ...],
                 stride: tuple[int, ...]) -> None:
        self.storage = storage
        self.offset = offset
        self.size = size
        self.stride = stride

    @property
    def claim(self) -> int:
        """Bytes that the array takes."""
        kind = self.storage.kind
        return math.prod(self.size) * (4 if kind.code == "bf16" else kind.dtype.itemsize)

    def resolve(self, numbers: np.ndarray) -> np.ndarray:
        """The tensor's array, copied out of its storage after checking that it lies inside."""
        reach = sum((n - 1) * step for n, step in zip(self.size, self.stride))
        if math.prod(self.size) == 0:
            array = np.empty(self.size, numbers.dtype)
        elif self.offset + reach >= len(numbers) or math.prod(self.size) > len(numbers):
            raise BadPickle(f"a tensor of shape {brief(self.size)} reaches outside its "
                            f"{len(numbers)} stored numbers")
        else:
            steps = tuple(step * numbers.itemsize for step in self.stride)
            array = np.ndarray(self.size, numbers.dtype, numbers, self.offset * numbers.itemsize,
                               steps)
        if self.storage.kind.code == "bf16":
            return bfloat16_to_float32(array)
        return array.copy()


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> TensorStandIn:
    numbers_fit = (isinstance(storage, Storage) and is_shape((offset,)) and is_shape(size)
                   and is_shape(stride) and len(size) == len(stride))
    if not numbers_fit:
        raise UnsafePickle("a tensor with an impossible shape")
    return TensorStandIn(storage, offset, size, stride)


def _rebuild_parameter(data: Any, *_: Any) -> Any:
    if not isinstance(data, TensorStandIn):
        raise UnsafePickle("a parameter that is no tensor")
    return data


def _size(numbers: Any = ()) -> tuple[Any, ...]:
    return tuple(numbers)


TORCH_CLASSES = allow_list({
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch", "Size"): _size,
})
STORAGE_CLASSES = {("torch", name): StorageType(code) for name, code in STORAGES.items()}


def _find_class(module: str, name: str) -> Any:
    """Knows tensors and storages."""
    key = (module, name)
    return STORAGE_CLASSES.get(key) or TORCH_CLASSES.get(key) or safe_pickle.find_class(*key)


def _storage(pid: Any) -> Storage:
    """What the pickle refers to, as it says: its type, name, and how many numbers it has."""
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
        raise UnsafePickle("it refers to something that is no storage")
    _, kind, key, _, count = pid[:5]
    if not isinstance(kind, StorageType) or not isinstance(key, str) or not is_shape((count,)):
        raise UnsafePickle("a storage of unknown type")
    if len(pid) > 5 and pid[5] is not None:
        raise UnsafePickle("a view of a storage (written by torch < 0.4)")
    return Storage(kind, key, count)


def unpickle(stream: Stream) -> tuple[Any, dict[str, Storage]]:
    """The tree of one pickle, and the storages that it refers to."""
    storages: dict[str, Storage] = {}

    def refer(pid: Any) -> Storage:
        storage = _storage(pid)
        if storages.setdefault(storage.key, storage) != storage:
            raise BadPickle(f"storage {brief(storage.key)} is described in two ways")
        return storage

    return Machine(stream, _find_class, refer).run(), storages
