"""Orthogonal projection loss: golden values, its formula, and batches without some kind of pair."""

from __future__ import annotations

import numpy as np
import pytest
from category_twins import orthogonal_projection_twin
from golden.golden_arrays import assert_near, cases, compare, evaluate, read
from hypothesis import given
from hypothesis import strategies as st
from loss_checks import finite, same_as_own_differences, same_as_twin

from crossmodal.losses import orthogonal_projection_loss
from crossmodal.runtime import jt


def loss(features: jt.Var, labels: jt.Var) -> jt.Var:
    return orthogonal_projection_loss(features, labels)


def batch(seed: int, count: int = 6) -> tuple[dict, dict]:
    rng = np.random.default_rng(seed)
    return ({"features": rng.normal(size=(count, 4)).astype(np.float32)},
            {"labels": rng.integers(0, 3, count)})


@pytest.mark.parametrize("case", cases("category_losses", "orthogonal."))
def test_golden(case: str) -> None:
    compare(loss, read("category_losses", f"orthogonal.{case}."))


@given(st.integers(0, 2**32))
def test_twin(seed: int) -> None:
    same_as_twin(loss, orthogonal_projection_twin, *batch(seed))


def test_own_differences() -> None:
    same_as_own_differences(loss, *batch(1))


def test_written_out() -> None:
    """Two of one class at 60 degrees, one of another at 90 and 30: 1 - .5 + .5 * .433."""
    angles = np.radians([0, 60, 90])
    rows = np.stack([np.cos(angles), np.sin(angles)], 1) * np.array([[1], [5], [0.1]])
    value, _ = evaluate(loss, {"features": rows}, {"labels": np.array([7, 7, 2])})
    assert_near(value, np.array(0.5 + 0.5 * np.cos(np.radians(30)) / 2), 1e-5)


def test_gamma() -> None:
    inputs, constants = batch(2)
    value, _ = evaluate(lambda **a: orthogonal_projection_loss(**a, gamma=3.0), inputs, constants)
    exact = orthogonal_projection_twin(inputs["features"].astype(float), **constants, gamma=3.0)
    assert_near(value, np.array(exact), 1e-5)


def test_a_row_is_not_its_own_partner() -> None:
    """Opposed rows of one class: 1 - (-1), with the diagonal it would be 1."""
    rows = np.array([[1.0, 0], [-1, 0]])
    assert finite(loss, {"features": rows}, {"labels": np.zeros(2, int)}) == pytest.approx(2)


def test_the_ideal_costs_nothing_and_stays() -> None:
    rows = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 2, 2]]
    value, gradient = evaluate(loss, {"features": rows}, {"labels": np.array([0, 0, 1, 1, 2, 2])})
    assert abs(float(value)) < 1e-6 and np.abs(gradient["features"]).max() < 1e-6


@given(st.integers(0, 2**32))
def test_order_names_and_lengths_change_nothing(seed: int) -> None:
    inputs, constants = batch(seed)
    rng = np.random.default_rng(seed + 1)
    order, names = rng.permutation(6), rng.permutation(3)
    lengths = rng.uniform(0.5, 2, (6, 1)).astype(np.float32)
    value, gradient = evaluate(loss, inputs, constants)
    moved, _ = evaluate(loss, {"features": (lengths * inputs["features"])[order]},
                        {"labels": names[constants["labels"]][order]})
    same, moved_gradient = evaluate(loss, {"features": inputs["features"][order]},
                                    {"labels": names[constants["labels"]][order]})
    assert_near(moved, value, 1e-5)
    assert_near(same, value, 1e-5)
    assert_near(moved_gradient["features"], gradient["features"][order], 1e-4)


def test_one_class_only() -> None:
    same_as_twin(loss, orthogonal_projection_twin, batch(3)[0], {"labels": np.zeros(6, int)})


def test_no_two_of_one_class() -> None:
    same_as_twin(loss, orthogonal_projection_twin, batch(3)[0], {"labels": np.arange(6)})


def test_batch_of_one_costs_nothing() -> None:
    value, gradient = evaluate(loss, *batch(4, count=1))
    assert value == 0 and not gradient["features"].any()


@pytest.mark.parametrize("size", [0.0, 1e-12, 1e6])
def test_extreme_rows_stay_finite(size: float) -> None:
    inputs, constants = batch(5)
    assert finite(loss, {"features": size * inputs["features"]}, constants) >= 0
