"""Small good pickles, files of weights and checkpoints, and what reads each.

`SEEDS` : name -> (suffix, bytes, reader of a path)
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, Callable

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "weights"))

from torch_files import Tensor, legacy_file, whole, zip_file  # noqa: E402

from crossmodal import checkpoint  # noqa: E402
from crossmodal.data import safe_pickle  # noqa: E402
from crossmodal.weights import safetensors_file  # noqa: E402
from crossmodal.weights.read import read_weights  # noqa: E402

Seed = tuple[str, bytes, Callable[[Path], Any]]
NUMBERS = np.arange(12, dtype=np.float32)
TENSORS: dict[str, np.ndarray] = {
    "conv1.weight": NUMBERS.reshape(3, 4), "bn1.running_mean": NUMBERS[:3].astype(np.float16),
    "steps": np.array(7, np.int64), "fc.bias": NUMBERS.astype(np.float64)}
TORCH = [whole("conv1.weight", TENSORS["conv1.weight"]), whole("steps", TENSORS["steps"]),
         whole("half", TENSORS["bn1.running_mean"]), whole("b", np.arange(4, dtype=np.uint16)),
         Tensor("turned", NUMBERS, (4, 3), (1, 4))]
TREE = {"bed": {"IKEA_1": np.arange(24, dtype=np.uint8).reshape(2, 3, 4), "é": [1, 2.5, None]},
        "sofa": OrderedDict(x=np.asfortranarray(np.eye(3)), y=(True, "text", b"bytes", 2**70)),
        ("a", 1): np.float32(2), 3: [np.arange(3), -1, 300, 70_000, {}]}
STATE = {"epoch": 3, "config": {"data": {"views": 12}}, "classes": ["bed", "sofa"],
         "progress": {"epoch": 3, "best": 0.5, "history": [{"epoch": 3, "mrr": 0.5}]},
         "converted": {"source": "a.pth", "kind": "x", "sha256": "0"}}


def jittor_file(tree: object) -> bytes:
    """As jittor.save writes it: a pickle, its SHA-1, a mark."""
    body = pickle.dumps(tree, 4)
    return body + hashlib.sha1(body).digest() + b"HCAJSLHD"


def npz_file(compressed: bool) -> bytes:
    """As numpy writes it."""
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **TENSORS)
    return file.getvalue()


def safetensors() -> bytes:
    """Tensors and metadata."""
    file = io.BytesIO()
    safetensors_file.write(file, TENSORS, {"source": "é"})
    return file.getvalue()


def saved_checkpoint() -> bytes:
    """A small checkpoint of the category level."""
    with tempfile.TemporaryDirectory() as folder:
        path = checkpoint.save(Path(folder) / "last.safetensors", checkpoint.Checkpoint(
            model=TENSORS, optimizer={"steps": TENSORS["steps"]}, state=STATE))
        return path.read_bytes()


def _pickles() -> dict[str, Seed]:
    return {f"pickle of protocol {n}": (".pkl", pickle.dumps(TREE, n), safe_pickle.load)
            for n in range(6)}


SEEDS: dict[str, Seed] = {
    **_pickles(),
    "pickle of jittor": (".pkl", jittor_file({"model": TENSORS}), read_weights),
    "pickle of weights": (".pkl", pickle.dumps({"state_dict": TENSORS}, 2), read_weights),
    "torch archive": (".pth", zip_file(TORCH), read_weights),
    "torch stream": (".pth", legacy_file(TORCH), read_weights),
    "weights npz": (".npz", npz_file(False), read_weights),
    "weights npz, packed": (".npz", npz_file(True), read_weights),
    "safetensors": (".safetensors", safetensors(), read_weights),
    "checkpoint": (".safetensors", saved_checkpoint(), checkpoint.load),
}
