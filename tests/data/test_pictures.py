"""Squares, crops and the cache, with every expected number written out."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.data.pictures import (
    PictureCache,
    border_colour,
    cut,
    frame_square,
    object_square,
    square_picture,
)


def picture(height: int, width: int, mask_box: tuple | None = None) -> np.ndarray:
    """Gray 100 with a white object; box is (top, bottom, left, right)."""
    made = np.full((height, width, 4), 100, np.uint8)
    made[..., 3] = 0 if mask_box else 255
    if mask_box:
        top, bottom, left, right = mask_box
        made[top:bottom, left:right] = 255
    return made


def test_object_square_by_hand() -> None:
    mask = picture(20, 40, (5, 9, 10, 20))[..., 3]  # 4 high, 10 wide, centre (15, 7)
    assert object_square(mask, 0.0) == (10, 2, 10)
    assert object_square(mask, 0.1) == (9, 1, 12)
    assert object_square(mask, 1.0) == (0, -8, 30)
    assert object_square(np.zeros((6, 10), np.uint8), 0.1) == frame_square(6, 10) == (0, -2, 10)


def test_cut_outside_is_the_border_colour() -> None:
    one = picture(4, 6)
    one[1, 2] = (1, 2, 3, 200)
    square = cut(one, 0, -1, 6)
    assert square.shape == (6, 6, 4)
    assert np.array_equal(square[1:5], one)
    assert (square[0] == [100, 100, 100, 0]).all() and (square[5] == [100, 100, 100, 0]).all()
    assert cut(picture(4, 4), 0, 0, 4).shape == (4, 4, 4)
    assert (cut(one, 50, 50, 3) == [100, 100, 100, 0]).all()


def test_border_colour_is_a_median() -> None:
    one = picture(9, 9)
    one[0, :3] = 255
    assert border_colour(one).tolist() == [100, 100, 100, 0]


def test_pad_keeps_proportions_squash_does_not() -> None:
    one = picture(32, 64, (8, 24, 16, 48))  # object 16 x 32
    for fit, height in (("pad", 16), ("squash", 32)):
        found = square_picture(one, 64, fit, False, 0.0)[..., 3] > 127
        assert found.any(axis=1).sum() == height and found.any(axis=0).sum() == 32


def test_crop_to_object_fills_the_frame() -> None:
    one = picture(50, 80, (20, 30, 40, 60))  # 10 x 20
    found = square_picture(one, 40, "squash", True, 0.5)[..., 3] > 127
    assert abs(found.any(axis=0).sum() - 20) <= 1 and abs(found.any(axis=1).sum() - 10) <= 1
    centre = np.argwhere(found).mean(axis=0)
    assert np.abs(centre - 19.5).max() <= 1


def test_the_mask_does_not_touch_the_colours() -> None:
    one = np.full((10, 10, 4), 90, np.uint8)
    one[..., 3] = 0
    found = square_picture(one, 7, "pad", False, 0.0)
    assert (found[..., :3] == 90).all() and (found[..., 3] == 0).all()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.booleans(),
       st.sampled_from(["pad", "squash"]), st.integers(0, 10**6))
def test_any_picture_becomes_square(
    height: int, width: int, size: int, crop: bool, fit: str, seed: int
) -> None:
    one = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    found = square_picture(one, size, fit, crop, 0.1)
    assert found.shape == (size, size, 4) and found.dtype == np.uint8


def test_cache_keeps_what_came_first_within_its_limit() -> None:
    cache = PictureCache(limit_mib=2.5)
    reads = []

    def read(name: str) -> np.ndarray:
        reads.append(name)
        return np.zeros(2**20, np.uint8)

    for name in "abcabc":
        cache.get(name, lambda name=name: read(name))
    assert reads == ["a", "b", "c", "c"] and cache.hits == 2
    assert cache.size == 2 * 2**20
    sent = pickle.loads(pickle.dumps(cache))  # noqa: S301 - our own, as to a worker
    assert sent.size == 0 and len(pickle.dumps(cache)) < 500


def test_a_failed_read_is_not_kept() -> None:
    cache = PictureCache(1)
    with pytest.raises(ValueError, match="broken"):
        cache.get("a", lambda: (_ for _ in ()).throw(ValueError("broken")))
    assert cache.get("a", lambda: np.zeros(1, np.uint8)).shape == (1,)
