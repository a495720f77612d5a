"""Epoch orders and batches of distinct shapes, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.data.distinct import category_matrix, distinct_shapes, instance_matrix
from crossmodal.data.samplers import epoch_batches, epoch_order, steps_per_epoch


@given(st.integers(1, 200), st.integers(0, 9), st.integers(0, 9))
def test_an_order_is_a_permutation_of_seed_and_epoch(count: int, seed: int, epoch: int) -> None:
    order = epoch_order(count, seed, epoch)
    assert sorted(order) == list(range(count))
    assert np.array_equal(order, epoch_order(count, seed, epoch))
    if count > 20:
        assert not np.array_equal(order, epoch_order(count, seed, epoch + 1))
        assert not np.array_equal(order, epoch_order(count, seed + 1, epoch))


@given(st.integers(1, 60), st.integers(1, 20), st.sampled_from(["drop", "pad"]))
def test_batches_cut_the_order(count: int, size: int, last: str) -> None:
    batches = epoch_batches(count, size, 1, 2, last)
    order = epoch_order(count, 1, 2).tolist()
    flat = batches.ravel().tolist()
    whole = count // size if last == "drop" else -(-count // size)
    assert batches.shape == (max(whole, 1), size) == (steps_per_epoch(count, size, last), size)
    assert flat == (order * (size + 1))[: len(flat)]


def test_no_items_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        epoch_batches(0, 4, 1, 1)


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[int], int, int, int]:
    count = draw(st.integers(1, 40))
    shapes = draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=20))
    slots = draw(st.integers(len(set(shapes)), count))
    return shapes, count, slots, draw(st.integers(0, 10**6))


def others(count: int, seed: int) -> list[int]:
    """All shapes in some order."""
    return np.random.default_rng(seed).permutation(count).tolist()


@given(batches())
def test_distinct_shapes_against_the_definition(case: tuple[list[int], int, int, int]) -> None:
    shapes, count, slots, seed = case
    chosen, slot = distinct_shapes(shapes, others(count, seed), slots)
    # The slow twin: go through the pictures, keep a shape when it is new.
    own: list[int] = []
    for shape in shapes:
        if shape not in own:
            own.append(shape)
    assert chosen[: len(own)].tolist() == own
    assert len(set(chosen.tolist())) == len(chosen) == slots
    assert all(0 <= shape < count for shape in chosen)
    assert [chosen[i] for i in slot] == shapes
    matrix = instance_matrix(slot, slots)
    for j in range(slots):
        for i in range(len(shapes)):
            assert matrix[j, i] == (1 if chosen[j] == shapes[i] else 0)
    assert (matrix.sum(axis=0) == 1).all()


@given(batches())
def test_fillers_follow_the_order_and_are_usable(case: tuple) -> None:
    shapes, count, slots, seed = case
    unusable = {s for s in range(count) if s % 3 == 0} - set(shapes)
    wanted = min(slots, count - len(unusable))
    chosen, _ = distinct_shapes(shapes, others(count, seed), wanted, lambda s: s not in unusable)
    order = [s for s in others(count, seed) if s not in unusable and s not in shapes]
    own = list(dict.fromkeys(shapes))
    assert chosen.tolist() == [*own, *order[:wanted - len(own)]]


def test_every_other_shape_can_be_a_filler() -> None:
    counts = np.zeros(10)
    for seed in range(400):
        chosen, _ = distinct_shapes([3, 3, 7], others(10, seed), 4)
        counts[chosen] += 1
    assert counts[3] == counts[7] == 400
    rest = np.delete(counts, [3, 7])
    assert rest.sum() == 800 and rest.min() > 60  # 100 expected each


def test_impossible_batches() -> None:
    with pytest.raises(ValueError, match="1 slots for 2"):
        distinct_shapes([0, 1], range(5), 1)
    with pytest.raises(ValueError, match="only 5 usable shapes for 6"):
        distinct_shapes([0, 1], range(5), 6)


def test_matrices_by_hand() -> None:
    assert instance_matrix(np.array([0, 1, 0]), 3).tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert category_matrix(np.array([5, 6]), np.array([6, 5, 6])).tolist() == [[0, 1, 0], [1, 0, 1]]
