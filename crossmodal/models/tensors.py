"""A network's tensors by name, running statistics included, and how to set them."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from crossmodal.runtime import jt


def named_tensors(module: jt.nn.Module) -> dict[str, jt.Var]:
    """Every tensor of ``module`` by its dotted name, parameters and running statistics alike."""
    return dict(module.state_dict())


def to_arrays(module: jt.nn.Module) -> dict[str, np.ndarray]:
    """Every tensor of ``module``, running statistics too, for a checkpoint."""
    return {name: tensor.numpy() for name, tensor in named_tensors(module).items()}


def assign(tensors: Mapping[str, jt.Var], arrays: Mapping[str, np.ndarray]) -> None:
    """Set the tensors named in ``arrays``; raises ValueError at the first that does not fit."""
    for name, array in arrays.items():
        if name not in tensors:
            raise ValueError(f"this network has no tensor {name!r}")
        tensor = tensors[name]
        if tuple(tensor.shape) != tuple(array.shape):
            raise ValueError(f"{name}: shape {tuple(array.shape)} does not fit "
                             f"{tuple(tensor.shape)}")
        stopped = tensor.is_stop_grad()
        tensor.update(jt.array(np.ascontiguousarray(array, str(tensor.dtype))))
        if stopped:
            tensor.stop_grad()
