"""Files as the authors and others release them, written without torch and without Jittor's save."""

from __future__ import annotations

import hashlib
import pickle
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from golden.formula import weight
from weights.torch_files import pickled, whole, zip_file

from crossmodal.models.retrieval_net import RetrievalNet
from crossmodal.models.tensors import named_tensors

Arrays = dict[str, np.ndarray]
RELEASED_SC_IBSR = ("resnet50", "resnet50", 4, 4)  # backbones and channels, photos' tower first
RELEASED_CMIC = ("resnet50", "resnet18", 4, 1)
SMALL = ("resnet18", "resnet18", 4, 4)
LIGHT = ("mobilenet_v2", "mobilenet_v2", 4, 1)  # of few numbers: for files


def shapes_of(query: str, view: str, query_channels: int, view_channels: int,
              dim: int = 128) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a retrieval network's tensors, with torch's counters."""
    net = RetrievalNet(query, view, "layer2", dim, 0.5, query_channels, view_channels)
    found = {name: tuple(t.shape) for name, t in named_tensors(net).items()}
    return {**found, **{name.replace("running_mean", "num_batches_tracked"): ()
                        for name in found if name.endswith("running_mean")}}


def empty_arrays(shapes: Mapping[str, tuple[int, ...]]) -> Arrays:
    """Zeros that take no memory: for what is told by names and shapes alone."""
    return {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}


def formula_arrays(shapes: Mapping[str, tuple[int, ...]]) -> Arrays:
    """Weights by the formula."""
    return {name: np.array(7) if name.endswith("tracked") else weight(name, shape)
            for name, shape in shapes.items()}


def write_torch(path: Path, arrays: Mapping[str, np.ndarray], wrapper: str = "",
                prefix: str = "") -> Path:
    """What torch.save writes of a state_dict, or of ``{"epoch": 3, wrapper: state_dict}``."""
    tensors = [whole(prefix + name, array) for name, array in arrays.items()]
    tree = pickled(tensors)
    if wrapper:
        head = b"".join(b"X" + struct.pack("<I", len(text)) + text
                        for text in (wrapper.encode(),))
        epoch = b"X" + struct.pack("<I", 5) + b"epoch" + b"K\x03"
        tree = b"\x80\x02}(" + epoch + head + tree[2:-1] + b"u."
    path.write_bytes(zip_file(tensors, tree))
    return path


def write_jittor(path: Path, value: object) -> Path:
    """What jittor.save writes: a pickle, its SHA-1, a mark."""
    body = pickle.dumps(value, 4)
    path.write_bytes(body + hashlib.sha1(body).digest() + b"HCAJSLHD")
    return path
