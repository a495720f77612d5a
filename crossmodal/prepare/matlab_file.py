"""MATLAB's .mat files, versions 4 to 7, which nobody can vouch for.

SciPy believes every count in them. So what is packed is unpacked once without being kept, and SciPy
works in a process that may take so much memory and time, and no more.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

from crossmodal.data.errors import DataError
from crossmodal.runtime.brief import one_line
from crossmodal.runtime.limits import check_claim
from crossmodal.runtime.safe_files import open_regular
from crossmodal.runtime.worker_pool import in_worker, meanwhile

HEADER = 128  # bytes before the elements
COMPRESSED = 15  # type of an element
PIECE = 1 << 20
HDF5 = b"\x89HDF\r\n\x1a\n"


def read_mat(path: Path, name: str) -> Any:
    """The variable `name`: structs as dicts, numbers and texts as NumPy gives them.

    Raises DataError naming the file, without a remedy.
    """
    try:
        _check(path)
        if in_worker():
            return _load(path, name)
        with meanwhile(_load, path, name) as result:
            return result()
    except DataError:
        raise
    except (OSError, ValueError) as error:
        said = one_line(error).removeprefix(f"{path}: ")
        raise DataError(f"{path}: {said}") from error


def _load(path: Path, name: str) -> Any:
    from scipy.io import loadmat  # slow to import

    try:
        with open_regular(path) as file:
            return loadmat(file, simplify_cells=True, variable_names=[name])[name]
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - scipy's reader fails in many ways on a torn file
        raise DataError(f"{path}: {type(error).__name__}: {one_line(error)}") from error


def _check(path: Path) -> None:
    """Raise ValueError where what is packed in the file takes too much, or nothing can read it."""
    with open_regular(path) as file:
        data = file.read()
    if data[:10] == b"MATLAB 7.3" or data.startswith(HDF5) or data[512:520] == HDF5:
        raise ValueError("a file of MATLAB 7.3 (HDF5); save it again with -v7")
    order = ">" if data[126:128] == b"MI" else "<"
    at, unpacked = HEADER, 0
    while data[126:128] in (b"IM", b"MI") and at + 8 <= len(data):
        kind, length = struct.unpack_from(order + "II", data, at)
        if kind == COMPRESSED:
            unpacked = _unpacked(memoryview(data)[at + 8:at + 8 + length], unpacked, len(data))
        at += 8 + length


def _unpacked(packed: memoryview, before: int, size: int) -> int:
    """`before`, and the bytes that an element stands for. Raises TooLarge, zlib.error."""
    decoder, waiting = zlib.decompressobj(), bytes(packed)
    while waiting and not decoder.eof:
        try:
            before += len(decoder.decompress(waiting, PIECE))
        except zlib.error as error:
            raise ValueError(f"torn: {one_line(error)}") from error
        check_claim("what is packed in it", before, size)
        waiting = decoder.unconsumed_tail
    return before

