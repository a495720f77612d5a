"""Masks from plain backgrounds and from line drawings."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from crossmodal.geometry.silhouette import drawing_mask, is_plain, plain_background_mask


def picture(background: int = 255) -> Image.Image:
    return Image.new("RGB", (100, 80), (background, background, background))


@pytest.mark.parametrize("background", [255, 128, 0])
def test_an_object_on_a_plain_background_is_cut_out(background: int) -> None:
    image = picture(background)
    ImageDraw.Draw(image).rectangle((20, 10, 69, 59), fill=(200, 40, 60))
    mask = plain_background_mask(np.asarray(image))
    truth = np.zeros((80, 100), np.uint8)
    truth[10:60, 20:70] = 255
    np.testing.assert_array_equal(mask, truth)


def test_a_gap_is_background_a_small_highlight_is_not() -> None:
    image = picture()
    draw = ImageDraw.Draw(image)
    draw.rectangle((10, 10, 89, 69), fill=(90, 60, 30))
    draw.rectangle((30, 20, 69, 59), fill=(255, 255, 255))  # a gap of 1600 pixels
    draw.rectangle((75, 30, 79, 34), fill=(255, 255, 255))  # a highlight of 25 pixels
    mask = plain_background_mask(np.asarray(image))
    assert mask[40, 50] == 0 and mask[32, 77] == 255


def test_noise_from_compression_leaves_no_specks() -> None:
    noise = np.random.Generator(np.random.Philox(0)).integers(-3, 4, (80, 100, 3))
    image = np.clip(np.asarray(picture(250)).astype(int) + noise, 0, 255).astype(np.uint8)
    image[5, 5] = 0
    image[20:60, 20:60] = 30
    mask = plain_background_mask(image)
    assert (mask > 0).sum() == 1600


def test_without_a_plain_background_the_whole_frame_is_the_object() -> None:
    noise = np.random.Generator(np.random.Philox(0)).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    assert not is_plain(noise)
    assert (plain_background_mask(noise) == 255).all()
    assert (plain_background_mask(np.asarray(picture())) == 255).all()  # nothing on it


def test_a_drawing_is_filled_through_small_gaps_in_its_line() -> None:
    image = Image.new("L", (100, 100), 255)
    ImageDraw.Draw(image).ellipse((20, 20, 80, 80), outline=0)
    pixels = np.asarray(image).copy()
    pixels[20:22, 48:51] = 255  # a gap of three pixels
    mask = drawing_mask(pixels)
    assert mask[50, 50] == 255 and mask[5, 5] == 0
    assert (mask > 0).sum() == pytest.approx(np.pi * 30.5**2, rel=0.05)


def test_an_empty_drawing_is_the_whole_frame() -> None:
    assert (drawing_mask(np.full((20, 20), 255, np.uint8)) == 255).all()
