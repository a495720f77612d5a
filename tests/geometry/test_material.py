"""Patterns and materials: colours stay colours, patterns depend on the place only."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.geometry.material import hsv, random_material
from crossmodal.geometry.texture import PATTERNS, noise

KINDS = ("wood", "cloth", "metal", "paint", "stone", "print")
POINTS = np.random.Generator(np.random.Philox(1)).uniform(-1, 1, (200, 3)).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_albedo_is_a_colour_and_does_not_depend_on_the_other_points(kind: str) -> None:
    for seed in range(10):
        material = random_material(np.random.Generator(np.random.Philox(seed)), {kind: 1.0})
        colours = material.albedo(POINTS)
        assert colours.shape == (200, 3) and colours.min() >= 0 and colours.max() <= 1
        np.testing.assert_allclose(material.albedo(POINTS[::-1])[::-1], colours, atol=2e-3)
        np.testing.assert_allclose(material.turn @ material.turn.T, np.eye(3), atol=1e-5)


def test_only_patterns_with_a_weight_are_drawn() -> None:
    generator = np.random.Generator(np.random.Philox(2))
    drawn = {random_material(generator, {"wood": 1, "stone": 1}).pattern for _ in range(40)}
    assert drawn == {"wood", "stone"} and drawn <= set(PATTERNS)


def test_noise_is_smooth_and_in_range() -> None:
    values = noise(POINTS, 3.0)
    assert values.min() >= 0 and values.max() <= 1 and values.std() > 0.05
    assert np.abs(noise(POINTS + np.float32(1e-4), 3.0) - values).max() < 0.01


@given(st.floats(0, 0.999, allow_subnormal=False), st.floats(0, 1, allow_subnormal=False),
       st.floats(0, 1, allow_subnormal=False))
def test_hsv_agrees_with_the_standard_library(hue: float, saturation: float, value: float) -> None:
    np.testing.assert_allclose(
        hsv(hue, saturation, value), colorsys.hsv_to_rgb(hue, saturation, value), atol=1e-6
    )
