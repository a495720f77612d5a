"""Adam, AdamW and SGD against PyTorch's, and a state that survives a checkpoint bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from golden.formula import uniform
from golden.golden_arrays import assert_near, read

from crossmodal.runtime import jt
from crossmodal.training.optimiser import Group, Optimiser

PLANS: dict[str, dict[str, Any]] = {
    "adam": {"betas": (0.5, 0.999)},
    "adam_decay": {"weight_decay": 0.1},
    "adamw": {"weight_decay": 0.1},
    "sgd": {"betas": (0.9, 0.0), "weight_decay": 0.1},
    "nesterov": {"betas": (0.9, 0.0), "weight_decay": 0.1},
    "adam_clip": {"gradient_clip": 2.0},
}


class Problem:
    """Two tensors on a hilly function; the second moves three times as fast."""

    def __init__(self, plan: str) -> None:
        self.first = jt.array(uniform("first", (3, 4)))
        self.second = jt.array(uniform("second", (4,)))
        groups = [Group("slow", {"first": self.first}), Group("fast", {"second": self.second}, 3.0)]
        self.optimiser = Optimiser(groups, plan.split("_")[0], **PLANS[plan])

    def step(self, number: int, resting: tuple[str, ...] = ()) -> None:
        loss = ((self.first * self.second + 1) ** 2 + jt.exp(self.first)).sum()
        self.optimiser.step(loss, 0.05 / (number + 1), resting)
        jt.sync_all(True)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"first": self.first.numpy().copy(), "second": self.second.numpy().copy()}


@pytest.mark.parametrize("plan", sorted(PLANS))
def test_golden_trajectory(plan: str) -> None:
    golden, problem = read("optimisers", f"{plan}."), Problem(plan)
    for number in range(5):
        problem.step(number)
        for name, array in problem.arrays().items():
            assert_near(array, golden[f"{name}{number}"], 1e-5, f"{name}, step {number}")


@pytest.mark.parametrize("plan", ["adam", "sgd"])
def test_restored_state_goes_on_bit_for_bit(plan: str) -> None:
    problem, again = Problem(plan), Problem(plan)
    for number in range(2):
        problem.step(number)
    again.first.update(jt.array(problem.arrays()["first"]))
    again.second.update(jt.array(problem.arrays()["second"]))
    state = problem.optimiser.state()
    again.optimiser.load_state(state)
    assert all(np.array_equal(a, again.optimiser.state()[n]) for n, a in state.items())
    for number in (2, 3):
        problem.step(number)
        again.step(number)
    for name, array in problem.arrays().items():
        assert array.tobytes() == again.arrays()[name].tobytes()


def test_a_state_that_does_not_fit_is_refused() -> None:
    adam, sgd = Problem("adam").optimiser, Problem("sgd").optimiser
    with pytest.raises(ValueError, match=r"2 tensors missing .*first: \['second.first'"):
        adam.load_state(sgd.state())
    with pytest.raises(ValueError, match="2 unknown"):
        sgd.load_state(adam.state())
    state = adam.state()
    state["first.first"] = np.zeros((2, 2), np.float32)
    with pytest.raises(ValueError, match="1 tensors missing or of another shape"):
        adam.load_state(state)


def test_resting_groups_and_frozen_tensors_stay() -> None:
    problem = Problem("adam")
    before = problem.arrays()
    problem.step(0, resting=("slow",))
    after = problem.arrays()
    assert np.array_equal(before["first"], after["first"])
    assert not np.array_equal(before["second"], after["second"])
    both = {"frozen": jt.ones((3,)).stop_grad(), "free": jt.ones((3,))}
    assert set(Optimiser([Group("all", both)]).state()) == {"first.free", "second.free", "steps"}


@pytest.mark.parametrize("plan", ["adam", "adamw"])
def test_a_group_that_rested_starts_as_if_it_were_the_first_step(plan: str) -> None:
    """Adam's averages start at zero with the group: its first step has the size of the rate."""
    rested, at_once = Problem(plan), Problem(plan)
    for number in range(20):
        rested.step(number, resting=("slow", "fast"))
    for number in range(3):
        rested.step(number)
        at_once.step(number)
    for name, array in at_once.arrays().items():
        assert_near(rested.arrays()[name], array, 1e-6, name)


def test_nothing_to_move_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to train"):
        Optimiser([Group("all", {"frozen": jt.ones((3,)).stop_grad()})])


def test_unknown_rule_is_named() -> None:
    with pytest.raises(ValueError, match="'lamb': choose adam, adamw, sgd or nesterov"):
        Optimiser([], "lamb")
