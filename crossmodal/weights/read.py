"""One function for every kind of weights file: name -> array."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.data import safe_pickle
from crossmodal.data.safe_pickle import BadPickle, UnsafePickle
from crossmodal.runtime.what_it_is import describe_file
from crossmodal.weights import safetensors_file
from crossmodal.weights.errors import WeightsError
from crossmodal.weights.torch_file import read_torch

SUFFIXES = (".safetensors", ".npz", ".pth", ".pt", ".pkl", ".bin", ".ckpt", ".pth.tar")
# What training scripts call the network in what they save; of equal ones the first is taken.
WRAPPERS = ("state_dict", "model", "net", "network", "model_state_dict", "module", "params",
            "weights", "model_ema", "ema", "state_dict_ema", "params_ema")
PREFIXES = ("module.", "_orig_mod.")  # data-parallel and compiled training add them
JITTOR_MARK = b"HCAJSLHD"


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a .safetensors or .npz file, or of one that torch or Jittor has saved.

    float16, bfloat16 and float64 become float32; integers stay. A dict in the dict, such as
    {"state_dict": ...}, is unwrapped.
    Raises WeightsError (broken, or no weights in it) or UnsafePickle, naming the file.
    """
    if not path.name.endswith(SUFFIXES):
        raise WeightsError(f"{path}: weights are read from {', '.join(SUFFIXES)}")
    readers = {".safetensors": _read_safetensors, ".npz": _read_npz, ".pkl": _read_pickle}
    try:
        value = readers.get(path.suffix, _read_torch_or_jittor)(path)
    except (WeightsError, UnsafePickle) as error:
        kind = describe_file(path)
        if kind is None:
            raise
        raise WeightsError(f"{path}: this is {kind}") from error
    tensors = {_without_prefix(name): _as_float32(np.asarray(array))
               for name, array in _unwrap(value).items()}
    if not tensors:
        raise WeightsError(f"{path}: no tensors in it{_elsewhere(value)}")
    return tensors


def _read_safetensors(path: Path) -> Any:
    return safetensors_file.read(path)[0]


def _read_npz(path: Path) -> Any:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # noqa: BLE001 - a torn archive can raise anything on the way
        raise WeightsError(f"{path}: not a complete npz file ({error}); fetch or make it again"
                           ) from error


def _read_torch_or_jittor(path: Path) -> Any:
    """jittor.save writes its own pickle whatever the suffix; it is told by the mark at the end."""
    try:
        with path.open("rb") as file:
            file.seek(-min(path.stat().st_size, len(JITTOR_MARK)), os.SEEK_END)
            marked = file.read() == JITTOR_MARK
    except OSError:
        marked = False  # the reader says what is wrong
    return (_read_pickle if marked else read_torch)(path)


def _read_pickle(path: Path) -> Any:
    """A pickle of arrays, as jittor.save writes it: with a SHA-1 and a mark at the end."""
    try:
        if zipfile.is_zipfile(path):
            return read_torch(path)
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error}") from error
    if data.endswith(JITTOR_MARK):
        body, digest = data[:-28], data[-28:-8]
        if hashlib.sha1(body).digest() != digest:
            raise WeightsError(f"{path}: its checksum is wrong; fetch it again")
    try:
        return safe_pickle.load(path)
    except BadPickle as error:
        raise WeightsError(str(error)) from error


def _unwrap(value: Any, depth: int = 4) -> Mapping[str, Any]:
    """The dict of tensors in whatever a training script saved around it, `depth` wrappers deep."""
    if not isinstance(value, dict) or not depth:
        return {}
    found: Mapping[str, Any] = {k: v for k, v in value.items()
                                if isinstance(k, str) and _is_tensor(v)}
    inner = [_unwrap(value.get(name), depth - 1) for name in WRAPPERS]
    return max([found, *inner], key=len)


def _elsewhere(value: Any) -> str:
    """Under which other keys of a training checkpoint there are tensors."""
    if not isinstance(value, dict):
        return ""
    counts = {name: len(_unwrap(item)) for name, item in value.items()}
    found = [f"'{name}' ({count})" for name, count in counts.items() if count]
    return f" but under {', '.join(found)}; save that part alone" if found else ""


def _is_tensor(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biuf"


def _without_prefix(name: str) -> str:
    while name.startswith(PREFIXES):
        name = name.partition(".")[2]
    return name


def _as_float32(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype.kind == "f" else array
