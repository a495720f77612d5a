"""Cross-modal contrast: golden values, its formula, and who attracts whom."""

from __future__ import annotations

import numpy as np
import pytest
from golden.golden_arrays import assert_near, cases, compare, evaluate, read
from hypothesis import given
from hypothesis import strategies as st
from loss_checks import finite, same_as_own_differences, same_as_twin
from loss_twins import contrast_twin

from crossmodal.losses import contrast_loss
from crossmodal.runtime import jt


def loss(first: jt.Var, second: jt.Var, first_label: jt.Var, second_label: jt.Var) -> jt.Var:
    return contrast_loss(first, second, first_label, second_label)


def batch(seed: int, count: int = 6) -> tuple[dict, dict]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(2, count, 8))
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    return ({"first": rows[0].astype(np.float32), "second": rows[1].astype(np.float32)},
            {"first_label": rng.integers(0, count, count), "second_label": rng.permutation(count)})


def orthogonal(first_label: list[int], second_label: list[int]) -> tuple[dict, dict]:
    """Eight rows that resemble each other equally little."""
    rows = np.eye(8, dtype=np.float32)
    return ({"first": rows[:4], "second": rows[4:]},
            {"first_label": np.array(first_label), "second_label": np.array(second_label)})


@pytest.mark.parametrize("case", cases("losses", "contrast."))
def test_golden(case: str) -> None:
    compare(loss, read("losses", f"contrast.{case}."))


@given(st.integers(0, 2**32))
def test_twin(seed: int) -> None:
    same_as_twin(loss, contrast_twin, *batch(seed))


def test_own_differences() -> None:
    same_as_own_differences(loss, *batch(1))


def test_written_out() -> None:
    """Eight rows, all similarities 0, one partner each: log 7."""
    value, _ = evaluate(loss, *orthogonal([0, 1, 2, 3], [0, 1, 2, 3]))
    assert_near(value, np.array(np.log(7)), 1e-6)


def test_both_sides_get_a_gradient() -> None:
    _, gradients = evaluate(loss, *batch(2))
    assert all(np.abs(g).max() > 1e-3 for g in gradients.values())


def test_pictures_of_one_shape_attract_and_others_repel() -> None:
    """Row 1 moved towards row 0: better where they show the same shape, worse where not."""
    for label, better in (([0, 0, 2, 3], True), ([0, 1, 2, 3], False)):
        inputs, labels = orthogonal(label, [0, 1, 2, 3])
        _, gradient = evaluate(loss, inputs, labels)
        assert bool(gradient["first"][1] @ inputs["first"][0] < 0) is better
        assert bool(gradient["first"][0] @ inputs["first"][1] < 0) is better


def test_a_row_is_neither_its_own_partner_nor_its_own_rival() -> None:
    inputs, labels = orthogonal([0, 1, 2, 3], [0, 1, 2, 3])
    longer = {**inputs, "first": inputs["first"] * np.array([[3], [1], [1], [1]], np.float32)}
    assert_near(evaluate(loss, longer, labels)[0], evaluate(loss, inputs, labels)[0], 1e-6)


def test_no_partner_at_all_costs_nothing() -> None:
    value, gradients = evaluate(loss, *orthogonal([0, 1, 2, 3], [10, 11, 12, 13]))
    assert value == 0 and not any(g.any() for g in gradients.values())


@given(st.integers(0, 2**32))
def test_permuting_either_side_or_renaming_labels_changes_nothing(seed: int) -> None:
    inputs, labels = batch(seed)
    rng = np.random.default_rng(seed + 1)
    orders = {"first": rng.permutation(6), "second": rng.permutation(6)}
    names = rng.permutation(6)
    value, gradients = evaluate(loss, inputs, labels)
    moved, moved_gradients = evaluate(
        loss, {n: a[orders[n]] for n, a in inputs.items()},
        {f"{n}_label": names[labels[f"{n}_label"]][orders[n]] for n in orders})
    assert_near(moved, value, 1e-5)
    assert_near(moved_gradients["second"], gradients["second"][orders["second"]], 1e-4)


@pytest.mark.parametrize("size", [0.0, 1e-6, 70.0])
def test_extreme_rows_stay_finite(size: float) -> None:
    """Zero vectors, and rows whose products reach 4900, which is 9800 after the temperature."""
    inputs, labels = batch(4)
    assert finite(loss, {name: size * rows for name, rows in inputs.items()}, labels) >= 0


def test_batch_of_two() -> None:
    same_as_twin(loss, contrast_twin, *batch(5, count=2))


@given(st.integers(0, 2**32))
def test_unusable_rows_are_not_there(seed: int) -> None:
    """The value and every gradient of a batch from which they were removed."""
    rows, labels = batch(seed)
    usable = np.random.default_rng(seed).random(len(rows["second"])) < 0.6

    def masked(first: jt.Var, second: jt.Var, first_label: jt.Var, second_label: jt.Var) -> jt.Var:
        return contrast_loss(first, second, first_label, second_label,
                             second_usable=jt.array(usable))

    value, gradients = evaluate(masked, rows, labels)
    assert np.isfinite(value)
    assert not np.abs(gradients["second"][~usable]).any()
    if usable.any():
        expected, wanted = evaluate(loss, {**rows, "second": rows["second"][usable]},
                                    {**labels, "second_label": labels["second_label"][usable]})
        assert_near(value, expected, 1e-5)
        assert_near(gradients["second"][usable], wanted["second"], 1e-4)
        assert_near(gradients["first"], wanted["first"], 1e-4)
