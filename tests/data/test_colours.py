"""Colour transfer and the photometric changes, against known values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.data.colour_transfer import (
    lab_to_rgb,
    rgb_to_lab,
    statistics,
    transfer,
    transfer_batch,
)
from crossmodal.data.photometric import (
    blur,
    colour_jitter,
    grayscale,
    random_background,
    random_photometric,
    replace_background,
)


def noise(seed: int, low: int = 0, high: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, (12, 12, 4), dtype=np.uint8)


# CIE L*a*b* (D65) of sRGB colours, from published tables.
@pytest.mark.parametrize(
    ("rgb", "lab"),
    [((255, 255, 255), (100, 0, 0)), ((0, 0, 0), (0, 0, 0)), ((255, 0, 0), (53.24, 80.09, 67.20)),
     ((0, 255, 0), (87.73, -86.18, 83.18)), ((0, 0, 255), (32.30, 79.19, -107.86)),
     ((119, 119, 119), (50.03, 0, 0))],
)
def test_lab_of_known_colours(rgb: tuple, lab: tuple) -> None:
    found = rgb_to_lab(np.array(rgb, np.uint8))
    assert np.abs(found - lab).max() < 0.06
    assert lab_to_rgb(found).tolist() == list(rgb)


@given(st.integers(0, 10**6))
def test_lab_and_back(seed: int) -> None:
    rgb = noise(seed)[..., :3]
    assert np.abs(lab_to_rgb(rgb_to_lab(rgb)).astype(int) - rgb).max() <= 1


def test_transfer_takes_the_other_statistics() -> None:
    # Muted colours, so that nothing is clipped.
    source, other = noise(1, 100, 130)[..., :3], noise(2, 90, 160)[..., :3]
    mean, std = statistics(rgb_to_lab(transfer(source, other)))
    other_mean, other_std = statistics(rgb_to_lab(other))
    assert np.abs(mean - other_mean).max() < 0.3 and np.abs(std - other_std).max() < 0.5


def test_transfer_to_itself_changes_nothing() -> None:
    rgb = noise(3)[..., :3]
    assert np.abs(transfer(rgb, rgb).astype(int) - rgb).max() <= 1


def test_a_flat_picture_is_no_trouble() -> None:
    flat = np.full((4, 4, 3), 200, np.uint8)
    assert transfer(flat, noise(4)[..., :3]).std(axis=(0, 1)).max() == 0
    assert np.isfinite(transfer(noise(4)[..., :3], flat)).all()


def test_a_batch_follows_the_order_and_keeps_masks() -> None:
    pictures = [noise(i) for i in range(3)]
    found = transfer_batch(pictures, np.array([1, 2, 0]))
    for i, j in enumerate([1, 2, 0]):
        assert np.array_equal(found[i][..., 3], pictures[i][..., 3])
        expected = transfer(pictures[i][..., :3], pictures[j][..., :3])
        assert np.array_equal(found[i][..., :3], expected)


def test_photometric_changes_by_hand() -> None:
    picture = np.full((2, 2, 4), 100, np.uint8)
    picture[..., 0] = 200
    assert np.array_equal(colour_jitter(picture, 1, 1, 1), picture)
    assert colour_jitter(picture, 0.5, 1, 1)[0, 0].tolist() == [100, 50, 50, 100]
    assert colour_jitter(picture, 2, 1, 1)[0, 0].tolist() == [255, 200, 200, 100]
    gray = round(0.299 * 200 + 0.701 * 100)
    for changed in (grayscale(picture), colour_jitter(picture, 1, 1, 0)):
        assert changed[0, 0].tolist() == [gray, gray, gray, 100]
    assert np.array_equal(blur(picture, 2.0), picture)


def test_background_is_what_the_mask_leaves_out() -> None:
    picture = np.full((1, 3, 4), 100, np.uint8)
    picture[0, :, 3] = (255, 0, 51)
    found = replace_background(picture, np.full((1, 3, 3), 200.0, np.float32))
    assert found[0, :, 0].tolist() == [100, 200, 180]
    pattern = random_background(np.random.default_rng(0), 16)
    assert pattern.shape == (16, 16, 3) and pattern.min() >= 0 and pattern.max() <= 255


def test_random_changes_are_off_by_default_and_follow_the_generator() -> None:
    picture = noise(5)
    assert random_photometric(picture, np.random.default_rng(0), 0, 0, 0, 0) is picture
    one, two = (random_photometric(picture, np.random.default_rng(7), 0.4, 1, 1, 1)
                for _ in range(2))
    assert np.array_equal(one, two) and not np.array_equal(one, picture)
    assert np.array_equal(one[..., 3], picture[..., 3])
