"""Opens and reads files that may be anything: a pipe, a torn text, a claim of terabytes."""

from __future__ import annotations

import errno
import gc
import json
import math
import os
import re
import stat
import sys
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.limits import TooLarge, check_claim, in_words, max_memory

DEEPEST = 500  # levels of a json text
_ESCAPED, _TEXTS = re.compile(rb"\\.", re.DOTALL), re.compile(rb'"[^"]*(?:"|\Z)')  # in json
JSON_FACTOR = 24  # bytes of memory for a byte of json, at worst
LONGEST_NUMBER = 4300  # digits; reading one takes time that grows with their square
# What zipfile raises for torn and hostile archives.
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError,
              ValueError, OverflowError, MemoryError)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for gigabytes themselves


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """A file, open for reading. Raises OSError too for a pipe or a device, which could hang."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
                         | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "is a folder; name a file", str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "is a pipe or a device; name a file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_text(path: str | os.PathLike[str], largest: int | None = None) -> str:
    """A UTF-8 text, a byte order mark left out. Raises OSError, or ValueError (one line)."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        limit = max_memory() // 4 if largest is None else largest
        if size > limit:
            raise TooLarge(f"a text of {in_words(size)}; at most {in_words(limit)} are read")
        try:
            return file.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"not UTF-8 text ({error.reason} at byte {error.start})") from error


def read_json(path: str | os.PathLike[str]) -> Any:
    """What a json file holds. Raises OSError, or ValueError (one line, without the file's name)."""
    return parse_json(read_text(path, max_memory() // JSON_FACTOR))


def parse_json(text: str | bytes) -> Any:
    """What a json text holds; raises ValueError for all that is wrong with it."""
    if _is_deep(text):
        raise ValueError("json that is nested too deeply")
    try:
        with _no_collection():
            return json.loads(text, parse_int=_INTEGER)
    except RecursionError as error:
        raise ValueError("json that is nested too deeply") from error
    except (ValueError, OverflowError, MemoryError) as error:
        raise ValueError(f"not json ({one_line(error)})") from error


@contextmanager
def _no_collection() -> Iterator[None]:
    """Python's collector would go over millions of small lists again and again, for nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def is_nested(value: Any, deeper_than: int) -> bool:
    """Whether lists and tables of a json value lie in one another more than so many times."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(inner) and (deeper_than < 1 or any(is_nested(part, deeper_than - 1)
                                                   for part in inner))


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether there is such a file; False too where none can have that name."""
    try:
        return os.path.isfile(path)  # noqa: PTH113 - a Path takes five times as long
    except (OSError, ValueError):
        return False


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


# Python from 3.11 on refuses long ones itself, in no time
_INTEGER = None if hasattr(sys, "get_int_max_str_digits") else _integer


def _is_deep(text: str | bytes) -> bool:
    """Whether more than `DEEPEST` brackets are open at once, outside of texts.

    Python's own limit is no help: Jittor lifts it to where the stack ends first.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if data.count(b"[") + data.count(b"{") <= DEEPEST:
        return False
    plain = _TEXTS.sub(b"", _ESCAPED.sub(b"", data) if b"\\" in data else data)
    letters = np.frombuffer(plain, np.uint8)
    steps = np.isin(letters, (0x5B, 0x7B)).astype(np.int8)
    steps -= np.isin(letters, (0x5D, 0x7D)).astype(np.int8)
    return bool(np.cumsum(steps, dtype=np.int32).max(initial=0) > DEEPEST)


def read_npy(path: str | os.PathLike[str], mapped: bool = False) -> np.ndarray:
    """The array of numbers or texts in an .npy file; with `mapped`, read when it is looked at.

    Raises OSError, or ValueError (one line, without the file's name).
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        shape, order, dtype = _header(file, size)
        if mapped and all(shape):
            return np.memmap(file, dtype, "r", file.tell(), shape, order)
        return _body(file, shape, order, dtype)


def read_npz(path: str | os.PathLike[str],
             names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays in an .npz file, or those of `names` that are in it.

    Raises OSError, TooLarge where they would take too much memory, ValueError for a broken file.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            with zipfile.ZipFile(file) as archive:
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()
                           if info.filename.endswith(".npy")}
                wanted = {name: info for name, info in members.items()
                          if names is None or name in names}
                check_claim(f"{len(wanted)} arrays in it",
                            sum(info.file_size for info in wanted.values()), size)
                return {name: _member(archive, info) for name, info in wanted.items()}
        except TooLarge:
            raise
        except zipfile.BadZipFile as error:
            raise ValueError(f"not a whole .npz archive ({one_line(error)})") from error
        except ZIP_ERRORS as error:
            raise ValueError(one_line(error)) from error


def read_member(archive: zipfile.ZipFile, name: str, archive_size: int) -> bytes:
    """A file in an archive. Raises KeyError, TooLarge, or ValueError where it is torn."""
    info = archive.getinfo(name)
    _check_method(info)
    check_claim(f"{brief(name)} in it", info.file_size, archive_size)
    try:
        return archive.read(info)
    except ZIP_ERRORS as error:
        raise ValueError(f"{brief(name)} in it is torn ({one_line(error)})") from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    _check_method(info)
    try:
        with archive.open(info) as file:
            return _body(file, *_header(file, info.file_size))
    except TooLarge:
        raise
    except ZIP_ERRORS as error:
        raise ValueError(f"{brief(info.filename)} in it: {one_line(error)}") from error


def _check_method(info: zipfile.ZipInfo) -> None:
    if info.compress_type not in METHODS:
        raise ValueError(f"{brief(info.filename)} in it is packed by method {info.compress_type}; "
                         "pack it anew by an ordinary zip program")


def _header(file: Any, size: int) -> tuple[tuple[int, ...], Any, np.dtype]:
    """(shape, order, dtype) of an array of which all bytes are there."""
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"an .npy file of version {version}")
    try:
        shape, fortran, dtype = readers[version](file)
    except Exception as error:  # noqa: BLE001 - NumPy's reader of it fails in many ways
        raise ValueError(f"an .npy file whose header is torn ({one_line(error)})") from error
    if not all(type(n) is int for n in shape):
        raise ValueError(f"an array of shape {brief(shape)}")
    if dtype.kind not in "biufcSU" or dtype.itemsize <= 0:
        raise ValueError(f"an array of type {brief(str(dtype))}; only numbers and texts are read")
    numbers: int = math.prod(shape)
    needed, there = numbers * dtype.itemsize, size - file.tell()
    if any(n < 0 for n in shape) or needed > there:
        raise ValueError(f"it claims an array of shape {brief(shape)} and type {dtype}, which "
                         f"takes {in_words(max(needed, 0))}; {in_words(max(there, 0))} are there")
    return shape, "F" if fortran else "C", dtype


def _body(file: Any, shape: tuple[int, ...], order: Any, dtype: np.dtype) -> np.ndarray:
    flat = np.empty(math.prod(shape), dtype)
    if len(flat):
        room = flat.view(np.uint8).data
        filled = 0
        while filled < len(room):
            count = file.readinto(room[filled:])
            if not count:
                raise ValueError("it ends in the middle of an array")
            filled += count
    return flat.reshape(shape, order=order)
