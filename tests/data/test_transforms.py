"""Geometry against slow twins and by hand; normalisation to the last value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.data.transforms import (
    GRAY_MEAN,
    GRAY_STD,
    WHOLE,
    crop_view,
    fixed_views,
    normalise_picture,
    normalise_views,
    object_views,
    random_box,
    random_shift,
    random_views,
    scale_and_offset,
    warp_as_released,
    warp_picture,
)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(st.integers(0, 10**6), st.floats(0.05, 1, allow_subnormal=False),
       st.floats(0.05, 1, allow_subnormal=False), st.floats(0.3, 3, allow_subnormal=False))
def test_random_box_properties(seed: int, one: float, two: float, ratio: float) -> None:
    area = (min(one, two), max(one, two))
    limits = (min(ratio, 1 / ratio), max(ratio, 1 / ratio))
    left, top, width, height = box = random_box(generator(seed), area, limits)
    assert left >= 0 and top >= 0 and left + width <= 1 + 1e-9 and top + height <= 1 + 1e-9
    if box != WHOLE:
        assert area[0] - 1e-9 <= width * height <= area[1] + 1e-9
        assert limits[0] - 1e-9 <= width / height <= limits[1] + 1e-9


def test_random_box_always_takes_as_many_numbers() -> None:
    after = set()
    for area in ((0.1, 0.2), (0.99, 1.0)):
        rng = generator(3)
        random_box(rng, area, (0.75, 4 / 3))
        after.add(rng.random())
    assert len(after) == 1


def test_random_shift_stays_inside() -> None:
    shifts = np.array([random_shift(generator(i), 0.05) for i in range(300)])
    assert np.abs(shifts).max() <= 0.05 and np.abs(shifts).max() > 0.045


def checker(side: int) -> np.ndarray:
    picture = generator().integers(0, 256, (side, side, 4), dtype=np.uint8)
    picture[0] = picture[-1] = picture[:, 0] = picture[:, -1] = 50
    return picture


def test_identity_and_mirror_are_exact() -> None:
    picture = checker(16)
    assert np.array_equal(warp_picture(picture, 16, WHOLE, (0, 0), False), picture)
    assert np.array_equal(warp_picture(picture, 16, WHOLE, (0, 0), True), picture[:, ::-1])


def test_a_shift_of_whole_pixels_is_exact() -> None:
    picture = checker(16)
    moved = warp_picture(picture, 16, WHOLE, (2 / 16, -1 / 16), False)
    assert np.array_equal(moved[:15, 2:], picture[1:, :14])
    assert (moved[:, :2] == [50, 50, 50, 0]).all() and (moved[15] == [50, 50, 50, 0]).all()


def test_a_crop_of_whole_pixels_is_exact() -> None:
    picture = checker(16)
    cropped = warp_picture(picture, 8, (4 / 16, 2 / 16, 0.5, 0.5), (0, 0), False)
    assert np.array_equal(cropped, picture[2:10, 4:12])
    mirrored = warp_picture(picture, 8, (4 / 16, 2 / 16, 0.5, 0.5), (0, 0), True)
    assert np.array_equal(mirrored, picture[2:10, 4:12][:, ::-1])


def bilinear(picture: np.ndarray, x: float, y: float) -> np.ndarray:
    """The slow twin: one pixel at (x, y), pixel centres at .5."""
    x, y = x - 0.5, y - 0.5
    i, j = int(np.floor(x)), int(np.floor(y))
    a, b = x - i, y - j
    corners = picture[j : j + 2, i : i + 2].astype(float)
    return ((corners[0, 0] * (1 - a) + corners[0, 1] * a) * (1 - b)
            + (corners[1, 0] * (1 - a) + corners[1, 1] * a) * b)


@pytest.mark.parametrize("mirror", [False, True])
def test_warp_against_one_pixel_at_a_time(mirror: bool) -> None:
    picture, size = checker(20), 12
    box, shift = (0.21, 0.17, 0.52, 0.61), (0.03, -0.02)
    found = warp_picture(picture, size, box, shift, mirror)
    for row in range(size):
        for column in range(size):
            u = (column + 0.5) / size
            x = (box[0] + (1 - u if mirror else u) * box[2] - shift[0]) * 20
            y = (box[1] + (row + 0.5) / size * box[3] - shift[1]) * 20
            assert np.abs(found[row, column] - bilinear(picture, x, y)).max() <= 1.01


def test_crop_view() -> None:
    view = generator().integers(0, 256, (16, 16), dtype=np.uint8)
    assert np.array_equal(crop_view(view, 16, WHOLE, True), view[:, ::-1])
    assert np.array_equal(crop_view(view, 8, (0.25, 0.5, 0.5, 0.5), False), view[8:, 4:12])
    halved = view.reshape(8, 2, 8, 2).mean(axis=(1, 3))
    # Pillow's antialiasing triangle is wider than the 2 x 2 mean; the overall gray agrees.
    assert abs(crop_view(view, 8, WHOLE, False).mean() - halved.mean()) < 3


def test_views_share_crop_and_mirror_or_have_their_own_as_released() -> None:
    one = generator().integers(0, 256, (24, 24), dtype=np.uint8)
    views = np.stack([one] * 4)
    seen = set()
    for seed in range(12):
        arguments = (16, (0.65, 0.9), (0.75, 4 / 3), True)
        shared = random_views(views, generator(seed), *arguments, alike=True)
        assert all(np.array_equal(shared[0], view) for view in shared)
        single = random_views(views, generator(seed), *arguments, alike=False)
        seen.add(len({view.tobytes() for view in single}))
        again = random_views(views, generator(seed), *arguments, alike=True)
        assert np.array_equal(shared, again)
    assert seen == {4}


def test_as_released_views_are_mirrored_one_by_one() -> None:
    ramp = np.tile(np.arange(32, dtype=np.uint8) * 8, (12, 32, 1))
    found = random_views(ramp, generator(3), 16, (0.9, 0.9), (1, 1), True, alike=False)
    mirrored = [bool(view[0, 0] > view[0, -1]) for view in found]
    assert 2 < sum(mirrored) < 10
    alike = random_views(ramp, generator(3), 16, (0.9, 0.9), (1, 1), True, alike=False, mirror=True)
    assert all(view[0, 0] > view[0, -1] for view in alike)


def test_as_released_a_picture_moves_by_whole_pixels_and_black_moves_in() -> None:
    picture = generator().integers(1, 256, (40, 40, 4), dtype=np.uint8)
    for shift, (right, down) in (((0.05, -0.026), (2, -1)), ((0.0, 0.0), (0, 0)),
                                 ((-0.04, 0.049), (-2, 2))):
        found = warp_as_released(picture, 40, WHOLE, shift, False)
        for y in range(40):
            for x in range(40):
                inside = 0 <= y - down < 40 and 0 <= x - right < 40
                expected = picture[y - down, x - right] if inside else np.zeros(4)
                assert (found[y, x] == expected).all()
    box = (0.1, 0.2, 0.5, 0.5)
    assert np.array_equal(warp_as_released(picture, 24, box, (0, 0), True),
                          warp_picture(picture, 24, box, (0, 0), True))


def test_mirroring_is_for_all_views_or_none_and_can_be_off() -> None:
    ramp = np.tile(np.arange(32, dtype=np.uint8) * 8, (3, 32, 1))
    directions = set()
    for seed in range(20):
        for flip in (True, False):
            found = random_views(ramp, generator(seed), 32, (0.7, 0.9), (1, 1), flip, True)
            rising = {bool(view[0, -1] > view[0, 0]) for view in found}
            assert len(rising) == 1 and (flip or rising == {True})
            directions |= rising
    assert directions == {True, False}


def test_fixed_views() -> None:
    views = generator().integers(0, 256, (3, 16, 16), dtype=np.uint8)
    assert fixed_views(views, 16) is views
    assert fixed_views(views, 8).shape == (3, 8, 8)


def test_normalisation_half() -> None:
    picture = np.array([[[0, 51, 255, 255]]], np.uint8)
    found = normalise_picture(picture, "half")
    assert found.shape == (4, 1, 1) and found.dtype == np.float32
    assert np.allclose(found[:, 0, 0], [-1, -0.6, 1, 1], atol=1e-6)
    assert np.allclose(normalise_views(np.array([[[0, 255]]], np.uint8), "half"), [[[[-1, 1]]]])


def test_normalisation_imagenet() -> None:
    picture = np.array([[[0, 51, 255, 255]]], np.uint8)
    expected = [-0.485 / 0.229, (0.2 - 0.456) / 0.224, (1 - 0.406) / 0.225, 1]
    assert np.allclose(normalise_picture(picture, "imagenet")[:, 0, 0], expected, atol=1e-6)
    view = normalise_views(np.array([[[51]]], np.uint8), "imagenet")
    assert np.allclose(view, (0.2 - GRAY_MEAN) / GRAY_STD)
    assert abs(GRAY_MEAN - 0.449) < 1e-9 and abs(GRAY_STD - 0.226) < 1e-9


def test_normalisation_into_given_memory() -> None:
    picture = generator().integers(0, 256, (5, 6, 4), dtype=np.uint8)
    out = np.empty((4, 5, 6), np.float32)
    assert normalise_picture(picture, "half", out) is out
    assert np.array_equal(out, normalise_picture(picture, "half"))
    expected = (picture.transpose(2, 0, 1) / 255 - 0.5) / 0.5
    assert np.abs(out - expected).max() < 1e-6


def test_unknown_normalisation() -> None:
    with pytest.raises(ValueError, match="half or imagenet, not mean"):
        scale_and_offset("mean", 4)


@pytest.mark.parametrize("background", (0, 255))
def test_views_cut_to_their_object(background: int) -> None:
    views = np.full((2, 40, 40), background, np.uint8)
    views[0, 5:15, 10:30] = 90
    found = object_views(views, margin=0.0)
    assert found.shape == (2, 40, 40) and (found[1] == background).all()
    inside = found[0] != background  # 20 x 10 pixels become 40 x 20, in the middle
    assert inside.any(0).all() and 19 <= inside.any(1).sum() <= 22
    assert abs(int(np.flatnonzero(inside.any(1)).mean()) - 19) <= 1
    margin = object_views(views, margin=0.5)[0] != background
    assert 19 <= margin.any(0).sum() <= 21
