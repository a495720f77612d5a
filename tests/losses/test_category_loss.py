"""Category loss: golden values, its formula, and batches that say nothing."""

from __future__ import annotations

import numpy as np
import pytest
from golden.formula import uniform
from golden.golden_arrays import assert_near, cases, compare, evaluate, read
from hypothesis import given
from hypothesis import strategies as st
from loss_checks import finite, same_as_own_differences, same_as_twin
from loss_twins import category_twin

from crossmodal.losses import category_loss
from crossmodal.runtime import jt


def loss(scores: jt.Var, same: jt.Var) -> jt.Var:
    return category_loss(scores, same)


def batch(seed: int, count: int = 6) -> tuple[dict, dict]:
    """Random scores and categories; some images may have no shape of theirs."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(-1, 1, (count, count)).astype(np.float32)
    images, shapes = rng.integers(0, 3, count), rng.integers(0, 3, count)
    images[0] = shapes[0]
    return {"scores": scores}, {"same": images[:, None] == shapes}


@pytest.mark.parametrize("case", cases("losses", "category."))
def test_golden(case: str) -> None:
    compare(loss, read("losses", f"category.{case}."))


@given(st.integers(0, 2**32))
def test_twin(seed: int) -> None:
    same_as_twin(loss, category_twin, *batch(seed))


def test_own_differences() -> None:
    same_as_own_differences(loss, *batch(1))


def test_one_category_says_nothing() -> None:
    value, gradient = evaluate(loss, batch(0)[0], {"same": np.ones((6, 6), bool)})
    assert value == 0 and not gradient["scores"].any()


def test_no_image_has_a_shape_of_its_category() -> None:
    value, gradient = evaluate(loss, batch(0)[0], {"same": np.zeros((6, 6), bool)})
    assert value == 0 and not gradient["scores"].any()


def test_images_without_a_positive_are_left_out() -> None:
    inputs, constants = batch(2)
    constants["same"][:] = np.array([0, 0, 1, 1, 0, 1])[:, None] == np.array([0, 0, 1, 1, 1, 0])
    constants["same"][4:] = False
    value, gradient = evaluate(loss, inputs, constants)
    expected = category_twin(inputs["scores"][:4].astype(float), constants["same"][:4])
    assert_near(value, np.array(expected), 1e-5)
    assert not gradient["scores"][4:].any()


@given(st.integers(0, 2**32))
def test_permuting_images_and_shapes_changes_nothing(seed: int) -> None:
    inputs, constants = batch(seed)
    rng = np.random.default_rng(seed + 1)
    rows, columns = rng.permutation(6), rng.permutation(6)
    value, _ = evaluate(loss, inputs, constants)
    moved, _ = evaluate(loss, {"scores": inputs["scores"][rows][:, columns]},
                        {"same": constants["same"][rows][:, columns]})
    assert_near(moved, value, 1e-6)


@pytest.mark.parametrize("size", [0.0, 1e4, -1e4])
def test_extreme_scores_stay_finite(size: float) -> None:
    scores = np.sign(uniform("extreme", (6, 6))) * np.float32(size)
    two = np.array([0, 0, 1, 1, 0, 1])[:, None] == np.array([0, 1, 0, 1, 1, 0])
    assert finite(loss, {"scores": scores}, {"same": two}) >= 0


def test_batch_of_two() -> None:
    same_as_twin(loss, category_twin, *batch(5, count=2))
