"""Reads the tensors of a torch ``.pth`` file without torch and without running code from it.

Both forms are read: the zip archive (torch >= 1.6) and the older stream of pickles; not the tar
archives of torch < 0.2. Classes are allow-listed: tensors, parameters, dicts, lists, numbers.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from crossmodal.data import safe_pickle
from crossmodal.data.safe_pickle import BadPickle, SafeUnpickler, UnsafePickle
from crossmodal.weights.errors import WeightsError
from crossmodal.weights.safetensors_file import bfloat16_to_float32

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
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


class TensorStandIn:
    """A tensor as the pickle describes it."""

    def __init__(self, storage: Storage, offset: int, size: tuple[int, ...],
                 stride: tuple[int, ...]) -> None:
        self.storage = storage
        self.offset = offset
        self.size = size
        self.stride = stride

    def __setstate__(self, state: Any) -> None:
        raise UnsafePickle("a tensor with a state of its own")

    def resolve(self, numbers: np.ndarray) -> np.ndarray:
        """The tensor's array, copied out of its storage after checking that it lies inside."""
        reach = sum((n - 1) * step for n, step in zip(self.size, self.stride))
        if math.prod(self.size) == 0:
            array = np.empty(self.size, numbers.dtype)
        elif self.offset + reach >= len(numbers) or math.prod(self.size) > len(numbers):
            raise BadPickle(f"a tensor of shape {self.size} reaches outside its {len(numbers)} "
                            "stored numbers")
        else:
            steps = tuple(step * numbers.itemsize for step in self.stride)
            array = np.ndarray(self.size, numbers.dtype, numbers, self.offset * numbers.itemsize,
                               steps)
        if self.storage.kind.code == "bf16":
            return bfloat16_to_float32(array)
        return array.copy()


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> TensorStandIn:
    numbers_fit = (isinstance(storage, Storage) and type(offset) is int and offset >= 0
                   and all(isinstance(t, tuple) for t in (size, stride))
                   and len(size) == len(stride)
                   and all(type(n) is int and n >= 0 for n in (*size, *stride)))
    if not numbers_fit:
        raise UnsafePickle("a tensor with an impossible shape")
    return TensorStandIn(storage, offset, size, stride)


def _rebuild_parameter(data: Any, *_: Any) -> Any:
    if not isinstance(data, TensorStandIn):
        raise UnsafePickle("a parameter that is no tensor")
    return data


def _size(numbers: Any = ()) -> tuple[Any, ...]:
    return tuple(numbers)


TORCH_CLASSES = safe_pickle.allow_list({
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch", "Size"): _size,
})
STORAGE_CLASSES = {("torch", name): StorageType(code) for name, code in STORAGES.items()}


class TorchUnpickler(SafeUnpickler):
    """Knows tensors and storages."""

    extra = TORCH_CLASSES

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        return STORAGE_CLASSES.get((module, name)) or super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Any:
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise UnsafePickle("it refers to something that is no storage")
        _, kind, key, _, count = pid[:5]
        if not isinstance(kind, StorageType) or type(count) is not int or count < 0:
            raise UnsafePickle("a storage of unknown type")
        if len(pid) > 5 and pid[5] is not None:
            raise UnsafePickle("a view of a storage (written by torch < 0.4)")
        self.storages[str(key)] = Storage(kind, str(key), count)
        return self.storages[str(key)]


def read_torch(path: Path) -> Any:
    """What the file holds: dicts and lists of arrays, numbers and texts. bfloat16 becomes float32.

    Raises UnsafePickle for anything else (nothing of it runs), WeightsError for a broken file.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return _read_zip(archive)
        with path.open("rb") as file:
            return _read_legacy(file)
    except UnsafePickle as error:
        raise UnsafePickle(f"{path}: refused, {error}. Save its state_dict alone and try that"
                           ) from error
    except Exception as error:  # noqa: BLE001 - a torn file can raise anything on the way
        raise WeightsError(f"{path}: not a complete torch file ({error}); fetch it again"
                           ) from error


def _read_zip(archive: zipfile.ZipFile) -> Any:
    names = [n for n in archive.namelist() if n == "data.pkl" or n.endswith("/data.pkl")]
    if len(names) != 1:
        raise WeightsError("a zip archive without data.pkl")
    if any(name.endswith("/constants.pkl") for name in archive.namelist()):
        raise WeightsError("a TorchScript program; load it in torch and save its state_dict()")
    top = names[0][: -len("data.pkl")]
    if f"{top}byteorder" in archive.namelist() and archive.read(f"{top}byteorder") != b"little":
        raise WeightsError("big-endian numbers")
    tree, _ = _unpickle(io.BytesIO(archive.read(names[0])))
    return _resolve(tree, lambda storage: archive.read(f"{top}data/{storage.key}"))


def _read_legacy(file: BinaryIO) -> Any:
    head = file.read(512)
    if head.startswith(b"PK"):  # of a zip archive, whose directory stands at its end
        raise WeightsError("it is cut off")
    if head[257:262] == b"ustar":
        raise WeightsError("a tar archive of torch < 0.2")
    file.seek(0)
    if _plain(file) != LEGACY_MAGIC or _plain(file) != LEGACY_PROTOCOL:
        raise WeightsError("it does not start like one")
    if _plain(file).get("little_endian") is not True:
        raise WeightsError("big-endian numbers")
    tree, storages = _unpickle(file)
    parts = {}
    for key in _plain(file):
        count = struct.unpack("<q", file.read(8))[0]
        size = count * storages[key].kind.dtype.itemsize
        parts[key] = file.read(size) if count >= 0 else b""
        if len(parts[key]) != size:
            raise WeightsError("it ends in the middle of a tensor")
    return _resolve(tree, lambda storage: parts[storage.key])


def _plain(file: BinaryIO) -> Any:
    """The next pickle of a stream, without classes."""
    return safe_pickle.realise(_unpickle(file)[0])


def _unpickle(file: BinaryIO) -> tuple[Any, dict[str, Storage]]:
    """The tree of one pickle, and the storages that it refers to."""
    try:
        unpickler = TorchUnpickler(file, encoding="latin1")
        return unpickler.load(), unpickler.storages
    except (UnsafePickle, BadPickle):
        raise
    except Exception as error:  # noqa: BLE001 - a torn stream can raise anything in the machine
        raise BadPickle(f"{type(error).__name__}: {error}") from error


def _resolve(tree: Any, read: Callable[[Storage], bytes]) -> Any:
    """`tree` with every tensor stand-in made an array; storages are read once."""
    numbers: dict[str, np.ndarray] = {}

    def array(value: Any) -> np.ndarray:
        if not isinstance(value, TensorStandIn):
            raise UnsafePickle(f"a {type(value).__name__}, which is not data")
        storage = value.storage
        if storage.key not in numbers:
            data = read(storage)
            whole = len(data) - len(data) % storage.kind.dtype.itemsize
            numbers[storage.key] = np.frombuffer(data[:whole], storage.kind.dtype)
        return value.resolve(numbers[storage.key])

    return safe_pickle.realise(tree, array)
