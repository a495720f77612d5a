"""Random streams: stable for ever, independent of each other, the same in every process."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.runtime import seeds

GOLDEN_0 = [3148137304, 2777283274, 2025327107, 65562091]
GOLDEN_AUGMENT = [866829956, 3907772397, 4201414727, 153666999]
GOLDEN_LARGE = [1030010844, 2977629833, 1370928850, 447369672]
GOLDEN_DERIVED = 1170572937

KEYS = st.lists(st.one_of(st.integers(), st.text()), max_size=4)


def draw(seed: int, *keys: seeds.Key) -> list[int]:
    return seeds.generator(seed, *keys).integers(0, 2**32, 4).tolist()


def test_streams_never_change() -> None:
    """Golden values: changing a stream would change every result ever reported."""
    assert draw(0) == GOLDEN_0
    assert draw(1, "augment", 2, 3) == GOLDEN_AUGMENT
    assert draw(-(2**70), "ü") == GOLDEN_LARGE
    assert seeds.derive(5, "torch") == GOLDEN_DERIVED


@given(st.integers(), KEYS, st.integers(), KEYS)
def test_different_names_are_different_streams(a: int, left: list, b: int, right: list) -> None:
    same = a == b and left == right
    assert (draw(a, *left) == draw(b, *right)) == same


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((1,), ("1",)),
        (("ab", "c"), ("a", "bc")),
        ((12, 3), (1, 23)),
        (("a",), ("a", "")),
        ((), (0,)),
    ],
)
def test_keys_do_not_run_into_each_other(left: tuple, right: tuple) -> None:
    assert draw(0, *left) != draw(0, *right)


def test_numpy_integers_are_integers() -> None:
    assert draw(np.int64(7), np.uint8(3)) == draw(7, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", [1.0, None, b"bytes", (1, 2)])
def test_other_keys_are_refused(key: object) -> None:
    with pytest.raises(TypeError, match="integers and strings"):
        seeds.generator(0, key)  # type: ignore[arg-type]


def test_streams_look_independent() -> None:
    """Neighbouring indices are uncorrelated: 200 streams of 500 numbers."""
    rows = np.stack([seeds.generator(0, "item", i).standard_normal(500) for i in range(200)])
    correlation = np.corrcoef(rows) - np.eye(200)
    assert np.abs(correlation).max() < 6 / np.sqrt(500)
    assert abs(rows.mean()) < 5 / np.sqrt(rows.size)


def test_seed_everything_repeats_global_draws() -> None:
    before = random.getstate(), np.random.get_state()
    try:
        seeds.seed_everything(4)
        first = random.random(), np.random.rand()
        seeds.seed_everything(4)
        assert (random.random(), np.random.rand()) == first
        seeds.seed_everything(5)
        assert (random.random(), np.random.rand()) != first
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def test_seed_reaches_jittor_before_and_after_its_import(run, built) -> None:
    draw_two = "print(jt.randn(2).numpy().tolist(), jt.rand(2).numpy().tolist())"
    head = "from crossmodal.runtime import seeds\n"
    before = run(f"{head}seeds.seed_everything(3)\nfrom crossmodal.runtime import jt\n{draw_two}")
    after = run(f"{head}from crossmodal.runtime import jt\nseeds.seed_everything(3)\n{draw_two}")
    other = run(f"{head}from crossmodal.runtime import jt\nseeds.seed_everything(4)\n{draw_two}")
    assert before.returncode == 0, before.stderr
    assert before.stdout == after.stdout != other.stdout
