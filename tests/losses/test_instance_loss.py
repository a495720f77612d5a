"""Instance loss: golden values, its formula, and who is never a negative."""

from __future__ import annotations

import numpy as np
import pytest
from golden.formula import uniform
from golden.golden_arrays import assert_near, cases, compare, evaluate, read
from hypothesis import given
from hypothesis import strategies as st
from loss_checks import finite, same_as_own_differences, same_as_twin
from loss_twins import instance_twin

from crossmodal.losses import instance_loss
from crossmodal.runtime import jt


def loss(scores: jt.Var, same: jt.Var) -> jt.Var:
    return instance_loss(scores, same)


def batch(seed: int, count: int = 6) -> tuple[dict, dict]:
    """Random scores; shapes may be shared, and no image lacks its own."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(-1, 1, (count, count)).astype(np.float32)
    own = rng.integers(0, count, count)
    return {"scores": scores}, {"same": own[:, None] == np.arange(count)}


@pytest.mark.parametrize("case", cases("losses", "instance."))
def test_golden(case: str) -> None:
    compare(loss, read("losses", f"instance.{case}."))


@given(st.integers(0, 2**32))
def test_twin(seed: int) -> None:
    same_as_twin(loss, instance_twin, *batch(seed))


def test_own_differences() -> None:
    same_as_own_differences(loss, *batch(1))


def test_written_out() -> None:
    """Two images, scores 0.1 apart, tau 0.1: -log(e / (e + 1))."""
    scores = np.array([[0.1, 0.0], [0.3, 0.4]])
    value, _ = evaluate(loss, {"scores": scores}, {"same": np.eye(2, dtype=bool)})
    assert_near(value, np.array(np.log(1 + np.exp(-1))), 1e-5)


@given(st.integers(0, 2**32))
def test_permuting_images_and_shapes_changes_nothing(seed: int) -> None:
    inputs, constants = batch(seed)
    rng = np.random.default_rng(seed + 1)
    rows, columns = rng.permutation(6), rng.permutation(6)
    value, gradient = evaluate(loss, inputs, constants)
    moved, moved_gradient = evaluate(loss, {"scores": inputs["scores"][rows][:, columns]},
                                     {"same": constants["same"][rows][:, columns]})
    assert_near(moved, value, 1e-6)
    assert_near(moved_gradient["scores"], gradient["scores"][rows][:, columns], 1e-5)


@given(st.integers(0, 2**32))
def test_the_own_shape_is_never_pushed_away(seed: int) -> None:
    """Neither by the image itself nor by another picture of that shape."""
    inputs, constants = batch(seed)
    constants["same"][1] = constants["same"][0]  # two pictures of one shape, at least
    _, gradient = evaluate(loss, inputs, constants)
    assert (gradient["scores"][constants["same"]] <= 0).all()
    assert (gradient["scores"][~constants["same"]] >= 0).all()


def test_an_image_does_not_compete_with_the_others() -> None:
    inputs, constants = batch(3)
    loud = {"scores": inputs["scores"].copy()}
    loud["scores"][0] += 5
    assert_near(evaluate(loss, loud, constants)[0], evaluate(loss, inputs, constants)[0], 1e-4)


@pytest.mark.parametrize("size", [0.0, 1e4, -1e4])
def test_extreme_scores_stay_finite(size: float) -> None:
    scores = np.sign(uniform("extreme", (6, 6))) * np.float32(size)
    assert finite(loss, {"scores": scores}, {"same": np.eye(6, dtype=bool)}) >= 0
