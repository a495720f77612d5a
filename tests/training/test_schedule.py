"""Learning rates at written-out steps."""

from __future__ import annotations

import math

import pytest

from crossmodal.training.schedule import make_schedule


def test_constant() -> None:
    factor = make_schedule("constant", 10)
    assert [factor(step) for step in (0, 5, 100)] == [1.0, 1.0, 1.0]


def test_cosine_falls_from_one_to_zero() -> None:
    factor = make_schedule("cosine", 8)
    assert factor(0) == 1.0
    assert factor(2) == pytest.approx(0.5 + math.sqrt(2) / 4)
    assert factor(4) == pytest.approx(0.5)
    assert factor(8) == pytest.approx(0.0) and factor(20) == pytest.approx(0.0)


def test_step_divides_by_ten_at_each_milestone() -> None:
    factor = make_schedule("step", 100, milestones=[10, 20])
    assert [factor(s) for s in (0, 9, 10, 19, 20)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])


@pytest.mark.parametrize("name", ["constant", "cosine", "step"])
def test_warm_up_rises_linearly_and_the_plan_starts_after_it(name: str) -> None:
    factor = make_schedule(name, 13, warmup=3, milestones=[50])
    assert [factor(s) for s in range(4)] == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_cosine_of_no_steps_at_all() -> None:
    assert make_schedule("cosine", 0)(0) == 1.0


def test_unknown_schedule_is_named() -> None:
    with pytest.raises(ValueError, match="unknown schedule 'linear': choose constant"):
        make_schedule("linear", 10)
