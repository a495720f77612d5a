"""Computes a few things with Jittor and with NumPy and compares: does this installation compute?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from crossmodal.runtime import seeds

TOLERANCE = 1e-4  # relative to the largest number of the reference

Pair = tuple[np.ndarray, np.ndarray]


def run_checks(jt: Any, names: Sequence[str] | None = None) -> dict[str, float]:
    """Largest relative difference between Jittor and NumPy, by name of the check.

    Parameters
    ----------
    names : the checks to run, all of :data:`CHECKS` by default.
    """
    chosen = CHECKS if names is None else names
    return {name: max(_difference(*pair) for pair in CHECKS[name](jt)) for name in chosen}


def failures(differences: dict[str, float]) -> list[str]:
    """Names of the checks whose difference is too large, or not a number."""
    return [name for name, difference in differences.items() if not difference <= TOLERANCE]


def convolve(image: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Convolution without padding, as networks define it.

    image : (B, C, H, W); filters : (K, C, h, w); returns (B, K, H-h+1, W-w+1).
    """
    windows = _windows(image, filters.shape[2:])
    return np.einsum("bcyxhw,kchw->bkyx", windows, filters, optimize=True)


def _windows(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """All (h, w) windows of an image batch: (B, C, H-h+1, W-w+1, h, w)."""
    return sliding_window_view(image, size, axis=(2, 3))  # type: ignore[call-overload]


def _inputs() -> Pair:
    """An image batch (2, 3, 9, 8) and filters (4, 3, 3, 3)."""
    rng = seeds.generator(0, "self check")
    image, filters = rng.standard_normal((2, 3, 9, 8)), rng.standard_normal((4, 3, 3, 3))
    return image.astype(np.float32), filters.astype(np.float32)


def _arrays(jt: Any) -> list[Pair]:
    """Arrays of several layouts and types, into Jittor and out of it."""
    image = _inputs()[0]
    given = [image, image.T, image[::-1, :, ::2], image.astype(np.float64), image > 0,
             np.arange(12, dtype=np.int64).reshape(3, 4).T]
    return [(jt.array(array).numpy().astype(np.float64), array.astype(np.float64))
            for array in given]


def _convolution(jt: Any) -> list[Pair]:
    image, filters = _inputs()
    return [(jt.nn.conv2d(jt.array(image), jt.array(filters)).numpy(), convolve(image, filters))]


def _gradient(jt: Any) -> list[Pair]:
    """Gradients of sum(convolution * weights) for the image and for the filters."""
    image, filters = _inputs()
    weights = np.cos(np.arange(2 * 4 * 7 * 6, dtype=np.float32)).reshape(2, 4, 7, 6)
    x, f = jt.array(image), jt.array(filters)
    found = jt.grad((jt.nn.conv2d(x, f) * jt.array(weights)).sum(), [x, f])
    windows = _windows(image, (7, 6))
    for_filters = np.einsum("bchwyx,bkyx->kchw", windows, weights, optimize=True)
    padded = np.pad(weights, ((0, 0), (0, 0), (2, 2), (2, 2)))
    for_image = convolve(padded, filters[:, :, ::-1, ::-1].transpose(1, 0, 2, 3))
    return [(found[0].numpy(), for_image), (found[1].numpy(), for_filters)]


def _matmul(jt: Any) -> list[Pair]:
    left, right = _inputs()[0].reshape(27, 16), _inputs()[0].reshape(16, 27)
    return [(jt.matmul(jt.array(left), jt.array(right)).numpy(), left @ right)]


def _sort(jt: Any) -> list[Pair]:
    numbers = _inputs()[0].reshape(4, -1)
    order, values = jt.argsort(jt.array(numbers), dim=1)
    return [
        (values.numpy(), np.sort(numbers, axis=1)),
        (order.numpy(), np.argsort(numbers, axis=1)),
    ]


def _difference(found: np.ndarray, reference: np.ndarray) -> float:
    """Largest difference relative to the largest number of the reference; infinite for shapes."""
    if found.shape != reference.shape:
        return float("inf")
    return float(np.abs(found - reference).max() / max(np.abs(reference).max(), 1e-12))


CHECKS: dict[str, Callable[[Any], list[Pair]]] = {
    "arrays": _arrays,
    "convolution": _convolution,
    "gradient of the convolution": _gradient,
    "matrix product": _matmul,
    "sort": _sort,
}
