"""What the released instance-level code reports as L_fgc and L_clc: golden, twins, no gradient."""

from __future__ import annotations

import numpy as np
import pytest
from golden.golden_arrays import assert_near, evaluate, read
from loss_twins import contrast_twin, released_consistency_twin

from crossmodal.losses import consistency_loss
from crossmodal.losses.released_bridge import (
    crossed_softmax,
    released_consistency_loss,
    released_contrast_loss,
)
from crossmodal.runtime import jt

LOSSES = {"consistency": released_consistency_loss, "contrast": released_contrast_loss}


def rows(seed: int, *shape: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=shape)
    return (found / np.linalg.norm(found, axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("name", LOSSES)
def test_golden_value_and_no_gradient(name: str) -> None:
    golden = read("released", f"{name}.")
    inputs = {key[3:]: array for key, array in golden.items() if key.startswith("in.")}
    value, gradients = evaluate(LOSSES[name], inputs, {})
    assert_near(value, golden["value"], 1e-5)
    assert not any(gradient.any() for gradient in gradients.values())


@pytest.mark.parametrize("seed", range(3))
def test_twins(seed: int) -> None:
    plain, mixed, tokens = rows(seed, 5, 8), rows(seed + 10, 5, 8), rows(seed + 20, 5, 3, 8)
    found = released_consistency_loss(jt.array(plain), jt.array(mixed)).item()
    assert found == pytest.approx(released_consistency_twin(plain, mixed), rel=1e-4)
    largest = tokens.max(1)
    largest = largest / np.linalg.norm(largest, axis=1, keepdims=True)
    found = released_contrast_loss(jt.array(mixed), jt.array(tokens)).item()
    slots = np.arange(5)
    assert found == pytest.approx(contrast_twin(mixed, largest, slots, slots), rel=1e-4)


def test_its_matrix_sums_to_one_over_no_axis() -> None:
    similarity = np.random.default_rng(6).normal(size=(4, 4)).astype(np.float32)
    found = crossed_softmax(jt.array(similarity)).numpy()
    sums = np.exp(similarity).sum(1)
    for i in range(4):
        for j in range(4):
            assert found[i, j] == pytest.approx(np.exp(similarity[i, j]) / sums[j], rel=1e-5)
    assert np.abs(found.sum(0) - 1).min() > 1e-3 and np.abs(found.sum(1) - 1).min() > 1e-3


def test_it_is_not_the_papers_loss_with_another_temperature() -> None:
    plain, mixed = jt.array(rows(1, 5, 8)), jt.array(rows(2, 5, 8))
    released = released_consistency_loss(plain, mixed).item()
    assert abs(released - consistency_loss(plain, mixed, 1.0).item()) > 0.05
