"""Reads the tensors of a torch ``.pth`` file without torch and without running code from it.

Both forms are read: the zip archive (torch >= 1.6) and the older stream of pickles; not the tar
archives of torch < 0.2. What its pickles may ask for stands in `torch_pickle`.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from crossmodal.data import safe_pickle
from crossmodal.data.pickle_stream import Stream, UnsafePickle
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.limits import TooLarge, check_claim
from crossmodal.runtime.safe_files import open_regular, read_member
from crossmodal.weights.errors import TENSOR, WeightsError
from crossmodal.weights.torch_pickle import Storage, TensorStandIn, unpickle

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001


def read_torch(path: Path) -> Any:
    """What the file holds: dicts and lists of arrays, numbers and texts. bfloat16 becomes float32.

    Raises UnsafePickle for anything else (nothing of it runs), WeightsError for a broken file, and
    for one whose tensors would take too much memory.
    """
    try:
        with open_regular(path) as file, safe_pickle.without_collection():
            zipped = zipfile.is_zipfile(file)
            file.seek(0)
            return _read_zip(file) if zipped else _read_legacy(file)
    except UnsafePickle as error:
        raise UnsafePickle(f"{path}: refused, {error}. Save its state_dict alone and try that"
                           ) from error
    except TooLarge as error:
        raise WeightsError(f"{path}: {error}") from error
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:  # noqa: BLE001 - a torn file can raise anything on the way
        raise WeightsError(f"{path}: not a complete torch file ({one_line(error)}); fetch it again"
                           ) from error


def _read_zip(file: BinaryIO) -> Any:
    file_size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        trees = [n for n in names if n == "data.pkl" or n.endswith("/data.pkl")]
        if len(trees) != 1:
            raise WeightsError("a zip archive without data.pkl")
        if any(name.endswith("/constants.pkl") for name in names):
            raise WeightsError("a TorchScript program; load it in torch and save its state_dict()")
        top = trees[0][: -len("data.pkl")]
        order = f"{top}byteorder"
        if order in names and read_member(archive, order, file_size) != b"little":
            raise WeightsError("big-endian numbers")
        tree, storages = unpickle(Stream(io.BytesIO(read_member(archive, trees[0], file_size)),
                                          file_size))
        absent = [key for key in storages if f"{top}data/{key}" not in archive.NameToInfo]
        if absent:
            raise WeightsError(f"its storage {brief(absent[0])} is not in it")
        sizes = {key: archive.NameToInfo[f"{top}data/{key}"].file_size for key in storages}
        _check_storages(storages, sizes, file_size)
        return _resolve(tree, lambda key: read_member(archive, f"{top}data/{key}", file_size),
                        file_size)


def _check_storages(storages: Mapping[str, Storage], sizes: Mapping[str, int],
                    file_size: int) -> None:
    """Raise where they take too much memory, or hold less than the pickle says."""
    check_claim(f"the {len(storages)} storages in it", sum(sizes.values()), file_size)
    for key, storage in storages.items():
        if storage.numbers * storage.kind.dtype.itemsize > sizes[key]:
            raise WeightsError(f"storage {brief(key)} has {sizes[key]} bytes and claims "
                               f"{storage.numbers} numbers")


def _read_legacy(file: BinaryIO) -> Any:
    head = file.read(512)
    if head.startswith(b"PK"):  # of a zip archive, whose directory stands at its end
        raise WeightsError("it is cut off")
    if head[257:262] == b"ustar":
        raise WeightsError("a tar archive of torch < 0.2")
    file.seek(0)
    stream = Stream(file)
    if _plain(stream) != LEGACY_MAGIC or _plain(stream) != LEGACY_PROTOCOL:
        raise WeightsError("it does not start like one")
    system = _plain(stream)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise WeightsError("big-endian numbers")
    tree, storages = unpickle(stream)
    keys = _plain(stream)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise WeightsError("its list of storages is none")
    parts = {}
    for key in keys:
        if key not in storages:
            raise WeightsError(f"storage {brief(key)} belongs to no tensor")
        count = struct.unpack("<q", stream.take(8))[0]
        if count < 0:
            raise WeightsError(f"storage {brief(key)} claims {count} numbers")
        parts[key] = stream.take(count * storages[key].kind.dtype.itemsize)
    return _resolve(tree, parts.__getitem__, stream.size)


def _plain(stream: Stream) -> Any:
    """The next pickle of a stream, without tensors."""
    return safe_pickle.realise(unpickle(stream)[0])


def _resolve(tree: Any, read: Callable[[str], bytes], file_size: int) -> Any:
    """`tree` with every tensor stand-in made an array; storages are read once."""
    claims = 0

    def add(value: Any) -> Any:
        nonlocal claims
        claims += TENSOR + value.claim if isinstance(value, TensorStandIn) else 0
        return value

    safe_pickle.realise(tree, add)
    check_claim("the tensors in it", claims, file_size)
    numbers: dict[str, np.ndarray] = {}

    def array(value: Any) -> np.ndarray:
        if not isinstance(value, TensorStandIn):
            raise UnsafePickle(f"{brief(value)}, which is not data")
        storage = value.storage
        if storage.key not in numbers:
            data = read(storage.key)
            whole = len(data) - len(data) % storage.kind.dtype.itemsize
            numbers[storage.key] = np.frombuffer(data[:whole], storage.kind.dtype)
        return value.resolve(numbers[storage.key])

    return safe_pickle.realise(tree, array)
