"""Label smoothing: golden values, its formula, and what epsilon is spread over."""

from __future__ import annotations

import numpy as np
import pytest
from category_twins import label_smoothing_twin
from golden.golden_arrays import assert_near, cases, compare, evaluate, read
from hypothesis import given
from hypothesis import strategies as st
from loss_checks import finite, same_as_own_differences, same_as_twin

from crossmodal.losses import label_smoothing_loss
from crossmodal.runtime import jt


def loss(logits: jt.Var, labels: jt.Var) -> jt.Var:
    return label_smoothing_loss(logits, labels)


def batch(seed: int, count: int = 6) -> tuple[dict, dict]:
    rng = np.random.default_rng(seed)
    return ({"logits": rng.uniform(-3, 3, (count, 4)).astype(np.float32)},
            {"labels": rng.integers(0, 4, count)})


@pytest.mark.parametrize("case", cases("category_losses", "smoothing."))
def test_golden(case: str) -> None:
    compare(loss, read("category_losses", f"smoothing.{case}."))


@given(st.integers(0, 2**32))
def test_twin(seed: int) -> None:
    same_as_twin(loss, label_smoothing_twin, *batch(seed))


def test_own_differences() -> None:
    same_as_own_differences(loss, *batch(1))


def test_written_out() -> None:
    """Softmax .8 and .2, label 0, two classes: the target is .95 and .05."""
    logits = np.array([[np.log(4), 0.0]])
    value, gradient = evaluate(loss, {"logits": logits}, {"labels": np.array([0])})
    assert_near(value, np.array(-0.95 * np.log(0.8) - 0.05 * np.log(0.2)), 1e-5)
    assert_near(gradient["logits"], np.array([[0.8 - 0.95, 0.2 - 0.05]]), 1e-5)


def test_epsilon_zero_is_cross_entropy() -> None:
    inputs, constants = batch(2)
    value, _ = evaluate(lambda **a: label_smoothing_loss(**a, epsilon=0.0), inputs, constants)
    logits = inputs["logits"].astype(float)
    own = logits[np.arange(6), constants["labels"]]
    assert_near(value, (np.log(np.exp(logits).sum(1)) - own).mean(), 1e-5)


@given(st.integers(0, 2**32))
def test_permuting_the_batch_or_the_classes_changes_nothing(seed: int) -> None:
    inputs, constants = batch(seed)
    rng = np.random.default_rng(seed + 1)
    rows, columns = rng.permutation(6), rng.permutation(4)
    value, gradient = evaluate(loss, inputs, constants)
    moved, moved_gradient = evaluate(loss, {"logits": inputs["logits"][rows][:, columns]},
                                     {"labels": np.argsort(columns)[constants["labels"]][rows]})
    assert_near(moved, value, 1e-5)
    assert_near(moved_gradient["logits"], gradient["logits"][rows][:, columns], 1e-4)


def test_extreme_logits_stay_finite() -> None:
    inputs, constants = batch(3)
    assert finite(loss, {"logits": 1e4 * inputs["logits"]}, constants) > 0


def test_one_item_and_one_class() -> None:
    same_as_twin(loss, label_smoothing_twin, *batch(4, count=1))
    assert finite(loss, {"logits": np.ones((3, 1))}, {"labels": np.zeros(3, int)}) == 0
