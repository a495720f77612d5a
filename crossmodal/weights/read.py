"""One function for every kind of weights file: name -> array."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from crossmodal.data import safe_pickle
from crossmodal.data.safe_pickle import BadPickle, UnsafePickle
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.limits import TooLarge, check_claim
from crossmodal.runtime.safe_files import open_regular, read_npz
from crossmodal.runtime.what_it_is import describe_other
from crossmodal.weights import safetensors_file
from crossmodal.weights.errors import TENSOR, WeightsError
from crossmodal.weights.torch_file import read_torch

SUFFIXES = (".safetensors", ".npz", ".pth", ".pt", ".pkl", ".bin", ".ckpt", ".pth.tar")
# What training scripts call the network in what they save; of equal ones the first is taken.
WRAPPERS = ("state_dict", "model", "net", "network", "model_state_dict", "module", "params",
            "weights", "model_ema", "ema", "state_dict_ema", "params_ema")
PREFIXES = ("module.", "_orig_mod.")  # data-parallel and compiled training add them
MOST_KEYS, SHOWN = 1000, 10  # looked at, and named, where a file has no tensors
JITTOR_MARK = b"HCAJSLHD"


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a .safetensors or .npz file, or of one that torch or Jittor has saved.

    float16, bfloat16 and float64 become float32; integers stay. A dict in the dict, such as
    {"state_dict": ...}, is unwrapped.
    Raises WeightsError (broken, too large, or no weights in it) or UnsafePickle, naming the file.
    """
    if not path.name.endswith(SUFFIXES):
        raise WeightsError(f"{path}: weights are read from {', '.join(SUFFIXES)}")
    _check_there(path)
    readers = {".safetensors": _read_safetensors, ".npz": _read_npz, ".pkl": _read_pickle}
    try:
        value = readers.get(path.suffix, _read_torch_or_jittor)(path)
    except (WeightsError, UnsafePickle) as error:
        kind = describe_other(path)
        if kind is None:
            raise
        raise WeightsError(f"{path}: this is {kind}") from error
    unwrapped = _Unwrapped()
    arrays = {name: np.asarray(array) for name, array in unwrapped.of(value).items()}
    if not arrays:
        raise WeightsError(f"{path}: no tensors in it{unwrapped.elsewhere(value)}")
    _check_claims(path, arrays)
    return {_without_prefix(name): _as_float32(array) for name, array in arrays.items()}


def _check_there(path: Path) -> None:
    """Raise WeightsError for a file that cannot be opened, a folder, a pipe, or an empty file."""
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not size:
        raise WeightsError(f"{path}: the file is empty (0 bytes); fetch or make it again")


def _check_claims(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise WeightsError where the arrays that `_as_float32` makes take too much memory."""
    claims = (TENSOR + (4 * array.size if array.dtype.kind == "f" else array.nbytes)
              for array in arrays.values())
    try:
        check_claim(f"its {len(arrays)} tensors as float32", sum(claims), path.stat().st_size)
    except TooLarge as error:
        raise WeightsError(f"{path}: {error}") from error


def _read_safetensors(path: Path) -> Any:
    return safetensors_file.read(path)[0]


def _read_npz(path: Path) -> Any:
    try:
        return read_npz(path)
    except TooLarge as error:
        raise WeightsError(f"{path}: {error}") from error
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise WeightsError(f"{path}: not a complete npz file ({one_line(error)}); fetch or make it "
                           "again") from error


def _read_torch_or_jittor(path: Path) -> Any:
    """jittor.save writes its own pickle whatever the suffix; it is told by the mark at the end."""
    try:
        with open_regular(path) as file:
            file.seek(-min(path.stat().st_size, len(JITTOR_MARK)), os.SEEK_END)
            marked = file.read() == JITTOR_MARK
    except OSError:
        marked = False  # the reader says what is wrong
    return (_read_pickle if marked else read_torch)(path)


def _read_pickle(path: Path) -> Any:
    """A pickle of arrays, as jittor.save writes it: with a SHA-1 and a mark at the end."""
    try:
        with open_regular(path) as file:
            if zipfile.is_zipfile(file):
                return read_torch(path)
            if not _sum_is_right(file):
                raise WeightsError(f"{path}: its checksum is wrong; fetch it again")
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        return safe_pickle.load(path)
    except BadPickle as error:
        raise WeightsError(str(error)) from error


def _sum_is_right(file: BinaryIO) -> bool:
    """Whether the SHA-1 before Jittor's mark, if there is one, is that of what is before it."""
    end = 20 + len(JITTOR_MARK)
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - end))
    digest, mark = file.read(20), file.read()
    if size < end or mark != JITTOR_MARK:
        return True
    file.seek(0)
    found, left = hashlib.sha1(), size - end
    while left:
        block = file.read(min(left, 1 << 20))
        if not block:
            return False
        found.update(block)
        left -= len(block)
    return found.digest() == digest


class _Unwrapped:
    """The dict of tensors in whatever a training script saved around it.

    What stands in several places is gone through once.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Mapping[str, Any]] = {}

    def of(self, value: Any, depth: int = 4) -> Mapping[str, Any]:
        """Of at most `depth` wrappers; empty where there is none."""
        if not isinstance(value, dict) or not depth:
            return {}
        key = (id(value), depth)
        if key not in self._known:
            found: Mapping[str, Any] = {k: v for k, v in value.items()
                                        if isinstance(k, str) and _is_tensor(v)}
            inner = [self.of(value.get(name), depth - 1) for name in WRAPPERS]
            self._known[key] = max([found, *inner], key=len)
        return self._known[key]

    def elsewhere(self, value: Any) -> str:
        """Under which other keys of a training checkpoint there are tensors."""
        if not isinstance(value, dict):
            return ""
        counts = ((name, len(self.of(item))) for name, item in islice(value.items(), MOST_KEYS))
        found = [f"{brief(name)} ({count})" for name, count in counts if count][:SHOWN]
        return f" but under {', '.join(found)}; save that part alone" if found else ""


def _is_tensor(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biuf"


def _without_prefix(name: str) -> str:
    while name.startswith(PREFIXES):
        name = name.partition(".")[2]
    return name


def _as_float32(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype.kind == "f" else array
