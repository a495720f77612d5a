"""Drawing the parameters of a piece of furniture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number drawn evenly from low..high."""
    return float(rng.uniform(low, high))


def whole(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number drawn evenly from low..high, both included."""
    return int(rng.integers(low, high + 1))


def chance(rng: np.random.Generator, probability: float) -> bool:
    """True with the given probability."""
    return bool(rng.random() < probability)


def one_of(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    """A name drawn with the given weights."""
    names = list(weights)
    share = np.array([weights[name] for name in names], float)
    return names[int(rng.choice(len(names), p=share / share.sum()))]


def call(rng: np.random.Generator, makers: Mapping[str, Any], *arguments: Any) -> Any:
    """What one of several makers, drawn evenly, returns for (rng, *arguments)."""
    names = list(makers)
    return makers[names[int(rng.integers(len(names)))]](rng, *arguments)
