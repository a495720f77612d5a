"""Frozen features kept on disk: one network sees the same pictures once, not in every run."""
from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Callable

import numpy as np

from crossmodal.config import DataConfig
from crossmodal.data.batches import TrainBatches
from crossmodal.models.encode import PREPARATION
from crossmodal.models.layers import computes_mixed
from crossmodal.models.retrieval_net import RetrievalNet
from crossmodal.models.tensors import named_tensors
from crossmodal.runtime.atomic import atomic_write
from crossmodal.runtime.brief import one_line
from crossmodal.runtime.digest import code_digest
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.safe_files import read_npz
from crossmodal.training.run_state import AnyConfig, save_root

_LOG = get_logger(__name__)
COMPUTES = ("data", "models", "kernels")  # rooms whose code decides what features are
Arrays = dict[str, np.ndarray]


def cache_folder(config: AnyConfig) -> Path:
    """Where features lie that several runs share."""
    return save_root(config) / "cache"


def cached(folder: Path, name: str, compute: Callable[[], Arrays],
           fits: Callable[[Arrays], bool]) -> Arrays:
    """The arrays stored as ``name``, or computed now and stored; a broken file is made anew.

    fits : whether arrays are such as `compute` returns; a file with others is made anew, too
    """
    path = folder / f"{name}.npz"
    if path.exists():
        try:
            found = read_npz(path)
            if fits(found):
                return found
            _LOG.warning("%s holds other arrays than it should: computing it again", path)
        except (OSError, ValueError) as error:
            _LOG.warning("%s cannot be read (%s): computing it again", path, one_line(error))
    arrays = compute()
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        np.savez(file, **arrays)
    return arrays


def features_key(net: RetrievalNet, batches: TrainBatches, data: DataConfig, only: str = "") -> str:
    """Names what frozen features depend on: backbones, pictures, renders, their preparation.

    only : how the paths of the pictures begin that are meant; see `head.only`
    """
    digest = hashlib.sha256(repr([getattr(data, name) for name in PREPARATION]).encode())
    for name, tensor in sorted(named_tensors(net).items()):
        if ".fc." not in name and not name.startswith("attention."):
            digest.update(name.encode() + tensor.numpy().tobytes())
    digest.update(queries_digest(batches) + shapes_digest(batches) + only.encode())
    digest.update(f"{computes_mixed(net)} {code_digest(*COMPUTES)}".encode())
    return digest.hexdigest()[:16]


def queries_digest(batches: TrainBatches) -> bytes:
    """Changes with any training picture or mask: its place in the list, its file's size or time."""
    digest = hashlib.sha256()
    for record in batches.records:
        stamps = [file_stamp(Path(path)) for path in (record.image, record.mask) if path]
        digest.update(f"{record} {stamps}".encode())
    return digest.digest()


def shapes_digest(batches: TrainBatches) -> bytes:
    """Changes with any training shape's renders."""
    digest = hashlib.sha256()
    for key in batches.shapes:
        digest.update(str(key).encode())
        digest.update(np.ascontiguousarray(batches.store[key]).data)
    return digest.digest()


def file_stamp(path: Path) -> str:
    """Size and time of a file: another picture under the same name is another picture."""
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}"
