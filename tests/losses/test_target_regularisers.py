"""BNM, BFM, ENT and NO: golden values, formulas, and matrices with few or equal singular values."""

from __future__ import annotations

import numpy as np
import pytest
from category_twins import entropy_twin, frobenius_twin, nuclear_twin
from golden.golden_arrays import assert_near, cases, compare, evaluate, read
from hypothesis import given
from hypothesis import strategies as st
from loss_checks import finite, same_as_own_differences, same_as_twin

from crossmodal.losses import TARGET_REGULARISERS, target_regulariser
from crossmodal.runtime import jt

TWINS = {"BNM": nuclear_twin, "BFM": frobenius_twin, "ENT": entropy_twin}
HOT = np.eye(3, dtype=np.float32)
# name: matrix, sum of its singular values, U_r V_r^T; all known without a decomposition
KNOWN = {
    "rank one": (np.outer([1, 2, 2, 0], [3, 4, 0]), 15.0,
                 np.outer([1, 2, 2, 0], [3, 4, 0]) / 15),
    "all rows equal": (np.tile([0.5, 0.3, 0.2], (6, 1)), np.sqrt(6 * 0.38),
                       np.tile([0.5, 0.3, 0.2], (6, 1)) / np.sqrt(6 * 0.38)),
    "undecided": (np.full((6, 4), 0.25), np.sqrt(6) / 2, np.full((6, 4), 1 / np.sqrt(24))),
    "all equal": (HOT[[0, 1, 2, 2, 1, 0]], 3 * np.sqrt(2), HOT[[0, 1, 2, 2, 1, 0]] / np.sqrt(2)),
    "an absent class": (HOT[[0, 1, 1, 0]], 2 * np.sqrt(2), HOT[[0, 1, 1, 0]] / np.sqrt(2)),
    "one class": (HOT[[1, 1, 1, 1]], 2.0, HOT[[1, 1, 1, 1]] / 2),
    "one item": (np.array([[0.6, 0.0, 0.8]]), 1.0, np.array([[0.6, 0.0, 0.8]])),
    "nothing": (np.zeros((4, 3)), 0.0, np.zeros((4, 3))),
}


def loss(name: str):
    return lambda probabilities: target_regulariser(name, probabilities)


def softmax(seed: int, shape: tuple[int, int] = (6, 4)) -> np.ndarray:
    rows = np.exp(np.random.default_rng(seed).uniform(-3, 3, shape))
    return (rows / rows.sum(1, keepdims=True)).astype(np.float32)


def batch(seed: int, shape: tuple[int, int] = (6, 4)) -> tuple[dict, dict]:
    return {"probabilities": softmax(seed, shape)}, {}


@pytest.mark.parametrize("name", sorted(TWINS))
def test_golden(name: str) -> None:
    names = cases("category_losses", f"{name}.")
    assert len(names) >= 2
    for case in names:
        compare(loss(name), read("category_losses", f"{name}.{case}."))


@given(st.sampled_from(sorted(TWINS)), st.integers(0, 2**32), st.sampled_from([(6, 4), (3, 5)]))
def test_twin(name: str, seed: int, shape: tuple[int, int]) -> None:
    same_as_twin(loss(name), TWINS[name], *batch(seed, shape))


@pytest.mark.parametrize("name", sorted(TWINS))
def test_own_differences(name: str) -> None:
    same_as_own_differences(loss(name), *batch(1))


@pytest.mark.parametrize("case", sorted(KNOWN))
def test_nuclear_norm_of_known_matrices(case: str) -> None:
    """Zero and repeated singular values: the value, and the subgradient of least norm."""
    matrix, norm, factor = KNOWN[case]
    value, gradient = evaluate(loss("BNM"), {"probabilities": matrix}, {})
    assert_near(value, np.array(-norm / min(matrix.shape)), 1e-5)
    assert_near(gradient["probabilities"], -factor / min(matrix.shape), 1e-5)


@given(st.sampled_from(sorted(KNOWN)), st.integers(0, 2**32), st.sampled_from([1e-3, 0.1, 1.0]))
def test_nuclear_norm_is_never_below_its_tangent(case: str, seed: int, size: float) -> None:
    """``||P + D||_* >= ||P||_* + <G, D>``: what makes G a subgradient, smooth or not."""
    matrix, norm, _ = KNOWN[case]
    _, gradient = evaluate(loss("BNM"), {"probabilities": matrix}, {})
    step = size * np.random.default_rng(seed).normal(size=matrix.shape)
    moved = -min(matrix.shape) * nuclear_twin(matrix + step)
    slope = -min(matrix.shape) * float((gradient["probabilities"] * step).sum())
    assert moved >= norm + slope - 1e-5 * (1 + norm)


def test_rounding_is_not_a_direction() -> None:
    """Rows that differ by float32 rounding: no gradient along their differences."""
    matrix = np.tile(np.float32([0.5, 0.3, 0.2]), (6, 1))
    noisy = np.nextafter(matrix, np.float32(1), where=np.arange(18).reshape(6, 3) % 4 == 0,
                         out=matrix.copy())
    assert (noisy != matrix).any()
    for name in ("BNM", "BFM"):
        exact = evaluate(loss(name), {"probabilities": matrix}, {})[1]["probabilities"]
        rounded = evaluate(loss(name), {"probabilities": noisy}, {})[1]["probabilities"]
        assert_near(rounded, exact, 1e-5)


@given(st.sampled_from(sorted(TWINS)), st.integers(0, 2**32))
def test_permuting_the_batch_or_the_classes_changes_nothing(name: str, seed: int) -> None:
    inputs, _ = batch(seed)
    rng = np.random.default_rng(seed + 1)
    rows, columns = rng.permutation(6), rng.permutation(4)
    value, gradient = evaluate(loss(name), inputs, {})
    moved = {"probabilities": inputs["probabilities"][rows][:, columns]}
    moved_value, moved_gradient = evaluate(loss(name), moved, {})
    assert_near(moved_value, value, 1e-5)
    assert_near(moved_gradient["probabilities"],
                gradient["probabilities"][rows][:, columns], 1e-4)


@pytest.mark.parametrize("name", sorted(TWINS))
def test_certain_rows_are_better_than_undecided_ones(name: str) -> None:
    undecided = finite(loss(name), {"probabilities": np.full((6, 3), 1 / 3)}, {})
    assert finite(loss(name), {"probabilities": HOT[[0, 1, 2, 0, 1, 2]]}, {}) < undecided - 0.1


def test_only_the_nuclear_norm_wants_diversity() -> None:
    diverse, alone = HOT[[0, 1, 2, 0, 1, 2]], HOT[[0] * 6]
    values = {name: [finite(loss(name), {"probabilities": matrix}, {})
                     for matrix in (diverse, alone)] for name in TWINS}
    assert values["BNM"][0] < values["BNM"][1] - 0.1
    assert values["BFM"] == pytest.approx([-np.sqrt(2)] * 2, rel=1e-5)
    assert values["ENT"] == [0, 0]


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (256, 60), (30, 31)])
def test_sizes(size: tuple[int, int]) -> None:
    for name, twin in TWINS.items():
        inputs, _ = batch(5, size)
        value, gradient = evaluate(loss(name), inputs, {})
        assert_near(value, np.array(twin(inputs["probabilities"].astype(float))), 2e-5, name)
        assert gradient["probabilities"].shape == size


def test_same_bytes_every_time() -> None:
    inputs, _ = batch(6, (32, 21))
    runs = [evaluate(loss("BNM"), inputs, {})[1]["probabilities"].tobytes() for _ in range(3)]
    assert len(set(runs)) == 1


def test_the_gradient_reaches_what_made_the_probabilities() -> None:
    """Behind a softmax: the slope that the loss shows along a direction of the logits."""
    logits = {"logits": np.random.default_rng(7).normal(size=(6, 4)).astype(np.float32)}
    same_as_own_differences(lambda logits: target_regulariser("BNM", jt.nn.softmax(logits, dim=1)),
                            logits, {})


def test_a_number_that_is_none_is_passed_on() -> None:
    broken = softmax(8)
    broken[2, 1] = np.nan
    value, _ = evaluate(loss("BNM"), {"probabilities": broken}, {})
    assert np.isnan(value)


def test_no_is_zero() -> None:
    value, gradient = evaluate(loss("NO"), *batch(9))
    assert value == 0 and not gradient["probabilities"].any()


def test_unknown_name() -> None:
    assert sorted(TARGET_REGULARISERS) == ["BFM", "BNM", "ENT", "NO"]
    with pytest.raises(ValueError, match="unknown target regulariser 'bnm': choose BNM, BFM, ENT"):
        target_regulariser("bnm", jt.array(softmax(0)))
