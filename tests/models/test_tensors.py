"""Setting a network's tensors by name."""

from __future__ import annotations

import numpy as np
import pytest

from crossmodal.models.layers import BatchNorm
from crossmodal.models.tensors import assign, named_tensors

NAMES = {"weight", "bias", "running_mean", "running_var"}


def test_assigned_values_come_back_and_statistics_stay_without_gradient() -> None:
    norm = BatchNorm(3)
    tensors = named_tensors(norm)
    assert set(tensors) == NAMES
    values = {name: np.array([1.5, -2.0, i], np.float32) for i, name in enumerate(sorted(NAMES))}
    assign(tensors, values)
    assert all(np.array_equal(getattr(norm, n).numpy(), values[n]) for n in NAMES)
    assert {n for n in NAMES if getattr(norm, n).is_stop_grad()} == {"running_mean", "running_var"}


def test_what_does_not_fit_is_named() -> None:
    tensors = named_tensors(BatchNorm(3))
    with pytest.raises(ValueError, match="no tensor 'gamma'"):
        assign(tensors, {"gamma": np.ones(3)})
    with pytest.raises(ValueError, match=r"weight: shape \(4,\) does not fit \(3,\)"):
        assign(tensors, {"weight": np.ones(4)})
