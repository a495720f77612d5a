"""Batch normalisation and row normalisation."""

from __future__ import annotations

import numpy as np
import pytest
from golden.formula import uniform, weight
from golden.golden_arrays import assert_near, read

from crossmodal.kernels import library
from crossmodal.models import layers
from crossmodal.models.layers import BatchNorm, freeze_batch_norm, joined, l2_normalise
from crossmodal.runtime import jt

SHAPES = {"maps": (4, 3, 5, 5), "rows": (6, 8)}
TENSORS = ("weight", "bias", "running_mean", "running_var")


def layer(case: str) -> BatchNorm:
    made = BatchNorm(SHAPES[case][1])
    for name in TENSORS:
        tensor = getattr(made, name)
        tensor.update(jt.array(weight(f"{case}.bn.{name}", tuple(tensor.shape))))
    made.train()
    return made


@pytest.mark.parametrize("case", sorted(SHAPES))
def test_training_matches_golden(case: str) -> None:
    golden, norm = read("batch_norms", f"{case}."), layer(case)
    x = jt.array(uniform(case, SHAPES[case], -1, 3))
    out = norm(x)
    scalar = (out * jt.array(uniform("direction", SHAPES[case]))).sum()
    gradients = jt.grad(scalar, [x, norm.weight, norm.bias])
    assert_near(out.numpy(), golden["out"], 1e-5)
    for gradient, name in zip(gradients, ("grad", "weight", "bias")):
        assert_near(gradient.numpy(), golden[name], 1e-4, name)
    for name in TENSORS[2:]:
        assert_near(getattr(norm, name).numpy(), golden[name], 1e-5, name)


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("case", sorted(SHAPES))
def test_joined_batches_are_normalised_apart(case: str, kernels: bool,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    """As if one came after the other: results, gradients, running statistics."""
    if not kernels:
        monkeypatch.setattr(library, "usable", lambda: False)
    first, second = (jt.array(uniform(f"{case} {i}", SHAPES[case], -1, 1 + 2 * i))
                     for i in range(2))
    direction = jt.array(uniform("direction", SHAPES[case]))
    results = []
    for together in (True, False):
        norm = layer(case)
        y = joined(norm, first, second) if together else [norm(first), norm(second)]
        scalar = ((y[0] + 2 * y[1]) * direction).sum()
        gradients = jt.grad(scalar, [first, second, norm.weight, norm.bias])
        results.append([*y, *gradients, norm.running_mean, norm.running_var])
    for found, expected in zip(*results):
        assert_near(found.numpy(), expected.numpy(), 1e-5)


def test_joined_batches_are_of_one_shape() -> None:
    with pytest.raises(ValueError, match="different shapes"):
        joined(layer("rows"), jt.ones((2, 8)), jt.ones((3, 8)))


@pytest.mark.parametrize("case", sorted(SHAPES))
@pytest.mark.parametrize("how", ["frozen", "evaluation"])
def test_stored_statistics_are_used_and_stay(case: str, how: str) -> None:
    norm = layer(case)
    if how == "frozen":
        freeze_batch_norm(norm)
    else:
        norm.eval()
    before = {name: getattr(norm, name).numpy().copy() for name in TENSORS}
    x = uniform(case, SHAPES[case], -1, 3)
    shape = (1, -1) + (1,) * (x.ndim - 2)
    w, b, mean, var = (before[name].reshape(shape) for name in TENSORS)
    assert_near(norm(jt.array(x)).numpy(), (x - mean) / np.sqrt(var + 1e-5) * w + b, 1e-5)
    assert all(np.array_equal(before[name], getattr(norm, name).numpy()) for name in TENSORS)


def test_rows_become_length_one_and_short_rows_stay_finite() -> None:
    rows = uniform("rows", (6, 8))
    rows[2], rows[3] = 0.0, 1e-20
    x = jt.array(rows)
    out = l2_normalise(x)
    gradient = jt.grad(out.sum(), x).numpy()
    length = np.linalg.norm(out.numpy(), axis=1)
    assert_near(length[[0, 1, 4, 5]], np.ones(4), 1e-6)
    assert length[2] == 0 and length[3] < 1e-6 and np.isfinite(gradient).all()


def test_mixed_precision_rounds_the_convolutions_only() -> None:
    """What goes in and comes out is float32, and so is every gradient; they point the same way."""
    rng = np.random.default_rng(0)
    x = jt.array(rng.standard_normal((2, 8, 6, 6), dtype=np.float32))
    block = jt.nn.Sequential(layers.conv(8, 16, 3), layers.BatchNorm(16), layers.conv(16, 4, 1))
    block.train()
    tensors = list(block.parameters())
    found = {}
    for mixed in (False, True):
        if mixed:
            layers.use_mixed_precision(block)
        y = block(x)
        gradients = jt.grad((y * y).mean(), tensors)
        assert {str(v.dtype) for v in (y, *gradients, *tensors)} == {"float32"}
        found[mixed] = np.concatenate([v.numpy().ravel() for v in (y, *gradients)])
    exact, rounded = found[False], found[True]
    assert not np.array_equal(exact, rounded)
    assert exact @ rounded > 0.98 * np.linalg.norm(exact) * np.linalg.norm(rounded)
