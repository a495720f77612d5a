"""Centroid alignment: golden values, its formula over several steps, and absent classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from category_twins import CentroidsTwin
from golden.golden_arrays import assert_near, compare, evaluate, read
from hypothesis import given
from hypothesis import strategies as st
from loss_checks import same_as_own_differences, same_as_twin

from crossmodal.losses import CentroidState, centroid_alignment_loss
from crossmodal.runtime import jt

CLASSES, FEATURES = 5, 4
LABELS = ("source_label", "target_label", "target_usable")


def after(state: CentroidState) -> Callable[..., jt.Var]:
    """The loss of one more batch."""
    def loss(source: jt.Var, target: jt.Var, **labels: jt.Var) -> jt.Var:
        return centroid_alignment_loss(source=source, target=target, state=state, **labels)[0]
    return loss


def batch(seed: int, count: int = 6) -> tuple[dict, dict]:
    rng = np.random.default_rng(seed)
    return ({side: rng.normal(size=(count, FEATURES)).astype(np.float32)
             for side in ("source", "target")},
            {"source_label": rng.integers(0, CLASSES, count),
             "target_label": rng.integers(0, CLASSES, count),
             "target_usable": rng.random(count) < 0.7})


def step(state: CentroidState, inputs: dict, labels: dict) -> tuple[float, CentroidState]:
    loss, state = centroid_alignment_loss(
        state=state, **{n: jt.array(a) for n, a in {**inputs, **labels}.items()})
    return float(loss.numpy().item()), state


def twin_of(seeds: list[int]) -> CentroidsTwin:
    twin = CentroidsTwin(CLASSES)
    for seed in seeds:
        inputs, labels = batch(seed)
        twin.step(**{n: a.astype(float) for n, a in inputs.items()}, **labels)
    return twin


def state_after(seeds: list[int]) -> CentroidState:
    state = CentroidState.fresh(CLASSES, FEATURES)
    for seed in seeds:
        _, state = step(state, *batch(seed))
    return state


def test_golden() -> None:
    """Three batches one after the other; no gradient from one batch to the next."""
    def run(source: jt.Var, target: jt.Var, **labels: jt.Var) -> jt.Var:
        state, total = CentroidState.fresh(CLASSES, FEATURES), jt.array(0.0)
        for i in range(3):
            loss, state = centroid_alignment_loss(
                source=source[i], target=target[i], state=state,
                **{name: labels[name][i] for name in LABELS})
            total = total + loss
        return total

    compare(run, read("category_losses", "centroids."))


@given(st.integers(0, 2**31), st.booleans())
def test_twin(seed: int, first: bool) -> None:
    """The first batch, and one after two others."""
    before = [] if first else [seed + 1, seed + 2]

    def twin(**given: np.ndarray) -> float:
        return twin_of(before).step(**given)

    same_as_twin(after(state_after(before)), twin, *batch(seed))


def test_own_differences() -> None:
    same_as_own_differences(after(state_after([1, 2])), *batch(3))


def test_the_state_follows_the_twin() -> None:
    state, twin = state_after([1, 2, 3, 4]), twin_of([1, 2, 3, 4])
    for side, found, seen in (("source", state.source, state.source_seen),
                              ("target", state.target, state.target_seen)):
        for k in range(CLASSES):
            assert bool(seen.numpy()[k]) is (k in twin.centroids[side])
            if k in twin.centroids[side]:
                assert_near(found.numpy()[k], twin.centroids[side][k], 1e-5)


def test_written_out() -> None:
    """Two classes, one feature: class 0 meets at 1 and 4, then at 0.7 + 0.3 * 3 and still 4."""
    state = CentroidState.fresh(2, 1)
    labels = {"source_label": np.array([0, 0]), "target_label": np.array([0, 1]),
              "target_usable": np.array([True, True])}
    value, state = step(state, {"source": np.float32([[0], [2]]),
                                "target": np.float32([[4], [9]])}, labels)
    assert value == pytest.approx((4 - 1) ** 2 / 2)
    labels["target_usable"][:] = False
    value, state = step(state, {"source": np.float32([[3], [3]]),
                                "target": np.float32([[7], [7]])}, labels)
    assert value == pytest.approx((4 - 1.6) ** 2 / 2)
    assert state.target.numpy() == pytest.approx(np.array([[4], [9]]))
    assert state.source_seen.numpy().tolist() == [True, False]


def test_classes_that_the_batch_lacks_keep_their_centroids_bit_for_bit() -> None:
    before = state_after([1, 2, 3])
    inputs, labels = batch(4)
    labels = {**labels, "source_label": np.full(6, 2), "target_label": np.full(6, 3),
              "target_usable": np.ones(6, bool)}
    _, moved = step(before, inputs, labels)
    for side, k in (("source", 2), ("target", 3)):
        old, new = getattr(before, side).numpy(), getattr(moved, side).numpy()
        assert (np.delete(old, k, 0) == np.delete(new, k, 0)).all() and (old[k] != new[k]).all()


@pytest.mark.parametrize("seeds", [[], [1, 2]])
def test_no_confident_target(seeds: list[int]) -> None:
    """At first there is nothing to compare; later the source is compared with what was."""
    state = state_after(seeds)
    inputs, labels = batch(3)
    labels["target_usable"][:] = False
    value, gradients = evaluate(after(state), inputs, labels)
    assert not gradients["target"].any()
    assert bool(value > 0) is bool(seeds) and gradients["source"].any() == bool(seeds)


def test_unbelieved_items_do_not_count() -> None:
    inputs, labels = batch(5)
    labels["target_usable"][:] = [True, False, True, True, False, False]
    loss = after(state_after([1]))
    value, gradients = evaluate(loss, inputs, labels)
    changed = {**inputs, "target": inputs["target"].copy()}
    changed["target"][~labels["target_usable"]] += 100
    assert evaluate(loss, changed, labels)[0] == value
    assert not gradients["target"][~labels["target_usable"]].any()


@given(st.integers(0, 2**31))
def test_permuting_the_batches_or_the_classes_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names, values, moved_values = rng.permutation(CLASSES), [], []
    state = moved_state = CentroidState.fresh(CLASSES, FEATURES)
    for number in range(2):
        inputs, labels = batch(seed + number)
        s, t = rng.permutation(6), rng.permutation(6)
        value, state = step(state, inputs, labels)
        moved, moved_state = step(
            moved_state, {"source": inputs["source"][s], "target": inputs["target"][t]},
            {"source_label": names[labels["source_label"]][s],
             "target_label": names[labels["target_label"]][t],
             "target_usable": labels["target_usable"][t]})
        values.append(value)
        moved_values.append(moved)
    assert_near(np.array(moved_values), np.array(values), 1e-5)
    assert_near(moved_state.source.numpy()[names], state.source.numpy(), 1e-5)


def test_one_class_and_one_item() -> None:
    inputs, labels = batch(6, count=1)
    labels = {"source_label": np.array([2]), "target_label": np.array([2]),
              "target_usable": np.array([True])}
    value, _ = step(CentroidState.fresh(CLASSES, FEATURES), inputs, labels)
    gap = (inputs["source"] - inputs["target"]).astype(float)
    assert value == pytest.approx((gap ** 2).sum() / (CLASSES * FEATURES), rel=1e-5)


def test_steps_leave_no_graph_behind() -> None:
    """The state does not hold on to the batches it was made of."""
    state, alive = CentroidState.fresh(CLASSES, FEATURES), []
    for seed in range(12):
        _, state = step(state, *batch(seed))
        jt.sync_all(True)
        alive.append(jt.liveness_info()["lived_vars"])
    assert alive[-1] <= alive[3]
