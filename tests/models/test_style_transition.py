"""Style transition: golden values, and what it does at its two ends."""

from __future__ import annotations

import numpy as np
import pytest
from golden.formula import uniform
from golden.golden_arrays import assert_near, compare, read
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.models.style_transition import channel_statistics, style_transition
from crossmodal.runtime import jt

CONTENT = uniform("pictures", (4, 3, 5, 5))
STYLE = uniform("shapes", (4, 2, 3, 4, 4), -2, 3)


def transfer(permutation: list[int], mix: float, style: np.ndarray = STYLE) -> np.ndarray:
    return style_transition(jt.array(CONTENT), jt.array(style), jt.array(np.array(permutation)),
                            jt.array(np.full(4, mix, np.float32))).numpy()


def test_golden() -> None:
    """Among the four: mix 0 and 1, a shape drawn twice, and a channel that is zero everywhere."""
    compare(style_transition, read("style_transition", "style."))


@pytest.mark.parametrize("array, axes", [(CONTENT, (2, 3)), (STYLE, (1, 3, 4))])
def test_statistics_are_those_of_all_views_together(array: np.ndarray,
                                                    axes: tuple[int, ...]) -> None:
    mean, std = channel_statistics(jt.array(array))
    assert_near(mean.numpy(), array.mean(axes), 1e-5)
    assert_near(std.numpy(), np.sqrt(array.var(axes) + 1e-5), 1e-5)


def test_mix_one_keeps_the_picture() -> None:
    assert_near(transfer([2, 0, 1, 1], 1.0), CONTENT, 1e-6)


def test_mix_zero_gives_the_statistics_of_the_drawn_shape() -> None:
    permutation = [2, 0, 1, 1]
    found = transfer(permutation, 0.0)
    assert_near(found.mean((2, 3)), STYLE.mean((1, 3, 4))[permutation], 1e-5)
    assert_near(found.std((2, 3)), STYLE.std((1, 3, 4))[permutation], 1e-4)


def test_a_picture_keeps_its_content() -> None:
    """Whatever the style, a channel of the result is a line through the picture's."""
    found = transfer([3, 2, 1, 0], 0.25)
    for image in range(4):
        for channel in range(3):
            both = np.corrcoef(found[image, channel].ravel(), CONTENT[image, channel].ravel())
            assert both[0, 1] > 0.9999


@given(st.permutations(range(4)), st.integers(0, 8))
def test_the_order_of_shapes_and_of_views_does_not_matter(order: list[int], eighths: int) -> None:
    """Shapes moved and pi moved with them; views of each shape turned round."""
    where, mix = np.argsort(order), eighths / 8
    moved = transfer([int(where[i]) for i in (2, 0, 1, 1)], mix, STYLE[list(order)][:, ::-1].copy())
    assert_near(moved, transfer([2, 0, 1, 1], mix), 1e-5)


def test_constant_channels_stay_finite() -> None:
    flat = np.zeros_like(CONTENT)
    content, style = jt.array(flat), jt.array(np.zeros_like(STYLE))
    out = style_transition(content, style, jt.array(np.arange(4)), jt.array(np.zeros(4, "float32")))
    gradients = jt.grad(out.sum(), [content, style])
    assert all(np.isfinite(v.numpy()).all() for v in (out, *gradients))
