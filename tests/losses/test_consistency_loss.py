"""Fine-grained consistency: golden values, its formula, symmetry, and a gradient on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from golden.golden_arrays import assert_near, cases, compare, evaluate, read
from hypothesis import given
from hypothesis import strategies as st
from loss_checks import finite, same_as_own_differences, same_as_twin
from loss_twins import consistency_twin

from crossmodal.losses import consistency_loss
from crossmodal.runtime import jt


def loss(plain: jt.Var, mixed: jt.Var) -> jt.Var:
    return consistency_loss(plain, mixed)


def batch(seed: int, count: int = 6) -> tuple[dict, dict]:
    rows = np.random.default_rng(seed).normal(size=(2, count, 8))
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    return {"plain": rows[0].astype(np.float32), "mixed": rows[1].astype(np.float32)}, {}


@pytest.mark.parametrize("case", cases("losses", "consistency."))
def test_golden(case: str) -> None:
    compare(loss, read("losses", f"consistency.{case}."))


@given(st.integers(0, 2**32))
def test_twin(seed: int) -> None:
    same_as_twin(loss, consistency_twin, *batch(seed))


def test_own_differences() -> None:
    same_as_own_differences(loss, *batch(1))


def test_both_embeddings_get_a_gradient() -> None:
    _, gradients = evaluate(loss, *batch(2))
    assert all(np.abs(g).max() > 1e-3 for g in gradients.values())


def test_agreement_costs_nothing() -> None:
    plain = batch(3)[0]["plain"]
    value, gradients = evaluate(loss, {"plain": plain, "mixed": plain}, {})
    assert abs(float(value)) < 1e-6
    assert all(np.abs(g).max() < 1e-4 for g in gradients.values())


@given(st.integers(0, 2**32))
def test_permuting_the_batch_or_the_two_sides_changes_nothing(seed: int) -> None:
    inputs, _ = batch(seed)
    order = np.random.default_rng(seed + 1).permutation(6)
    value, gradients = evaluate(loss, inputs, {})
    moved, moved_gradients = evaluate(loss, {n: a[order] for n, a in inputs.items()}, {})
    turned, _ = evaluate(loss, {"plain": inputs["mixed"], "mixed": inputs["plain"]}, {})
    assert value > 0
    assert_near(moved, value, 1e-5)
    assert_near(turned, value, 1e-5)
    assert_near(moved_gradients["plain"], gradients["plain"][order], 1e-4)


@pytest.mark.parametrize("size", [0.0, 1e-6, 30.0])
def test_extreme_rows_stay_finite(size: float) -> None:
    """Zero vectors, and rows whose products reach 900, which is 9000 after the temperature."""
    inputs = {name: size * rows for name, rows in batch(4)[0].items()}
    assert finite(loss, inputs, {}) >= 0


def test_batch_of_two() -> None:
    same_as_twin(loss, consistency_twin, *batch(5, count=2))
