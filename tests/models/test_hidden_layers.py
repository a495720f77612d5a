"""The pools of VGG and AlexNet against loops over their windows, in value and gradient."""

from __future__ import annotations

from typing import Callable

import numpy as np
import pytest
from golden.formula import uniform
from golden.golden_arrays import assert_near
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.models.backbones.hidden_layers import MaxPool, adaptive_average_pool
from crossmodal.runtime import jt

SIZES = [(1, 1), (2, 3), (3, 5), (7, 7), (8, 13), (14, 14)]


def slow_average(x: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """The cells' means, and the gradient of their sum weighted by ``uniform("direction")``."""
    height, width = x.shape[2:]
    out, gradient = np.zeros((*x.shape[:2], cells, cells)), np.zeros(x.shape)
    direction = uniform("direction", out.shape)
    for i in range(cells):
        for j in range(cells):
            rows = slice(int(np.floor(i * height / cells)), int(np.ceil((i + 1) * height / cells)))
            columns = slice(int(np.floor(j * width / cells)), int(np.ceil((j + 1) * width / cells)))
            window = x[:, :, rows, columns]
            out[:, :, i, j] = window.mean((2, 3))
            share = direction[:, :, i, j] / (window.shape[2] * window.shape[3])
            gradient[:, :, rows, columns] += share[:, :, None, None]
    return out, gradient


def slow_maximum(x: np.ndarray, kernel: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """The windows' maxima, and the gradient of their sum weighted likewise; no ties."""
    count, channels, height, width = x.shape
    out = np.zeros((count, channels, (height - kernel) // stride + 1,
                    (width - kernel) // stride + 1))
    gradient, direction = np.zeros(x.shape), uniform("direction", out.shape)
    for n, c, i, j in np.ndindex(*out.shape):
        window = x[n, c, i * stride:i * stride + kernel, j * stride:j * stride + kernel]
        row, column = np.unravel_index(window.argmax(), window.shape)
        out[n, c, i, j] = window[row, column]
        gradient[n, c, i * stride + row, j * stride + column] += direction[n, c, i, j]
    return out, gradient


def value_and_gradient(pool: Callable[[jt.Var], jt.Var],
                       x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    leaf = jt.array(x)
    out = pool(leaf)
    gradient = jt.grad((out * jt.array(uniform("direction", tuple(out.shape)))).sum(), leaf)
    return out.numpy(), gradient.numpy()


@pytest.mark.parametrize("cells", [6, 7])
@pytest.mark.parametrize("size", SIZES)
def test_average_twin(size: tuple[int, int], cells: int) -> None:
    x = uniform("map", (2, 3, *size))
    found, gradient = value_and_gradient(lambda v: adaptive_average_pool(v, cells), x)
    expected, slope = slow_average(x, cells)
    assert_near(found, expected, 1e-5)
    assert_near(gradient, slope, 1e-5)


@given(st.sampled_from(SIZES), st.integers(-3, 3))
def test_a_constant_stays(size: tuple[int, int], level: int) -> None:
    found = adaptive_average_pool(jt.ones((1, 2, *size)) * level, 7).numpy()
    assert_near(found, np.full((1, 2, 7, 7), level), 1e-5)


@pytest.mark.parametrize("kernel, stride", [(2, 2), (3, 2)])
@pytest.mark.parametrize("size", [(3, 3), (3, 7), (6, 3), (5, 4), (8, 7)])
def test_maximum_twin(size: tuple[int, int], kernel: int, stride: int) -> None:
    """All values negative: nothing but the map itself may win."""
    x = uniform("map", (2, 3, *size), -2, -1)
    found, gradient = value_and_gradient(MaxPool(kernel, stride), x)
    expected, slope = slow_maximum(x, kernel, stride)
    assert np.array_equal(found, expected.astype(np.float32))
    assert_near(gradient, slope, 1e-6)


def test_a_map_of_one_window_and_one_too_small() -> None:
    x = uniform("map", (1, 2, 2, 2), -2, -1)
    assert np.array_equal(MaxPool(2, 2)(jt.array(x)).numpy().ravel(), x.max((2, 3)).ravel())
    with pytest.raises(ValueError, match="features of 1 x 2 are too small to pool over 2 x 2"):
        MaxPool(2, 2)(jt.array(x[:, :, :1]))
