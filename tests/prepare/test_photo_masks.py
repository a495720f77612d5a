"""A mask or box lies on its object whichever way up the photo is stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from instance_sources import INVERSE, pixel_box, shown, write_photo
from PIL import Image

from crossmodal.data.errors import SampleError
from crossmodal.prepare.photo_masks import box_mask, fit_mask, orientation, shown_size

SIZE = (40, 30)


@pytest.mark.parametrize("turn", range(1, 9))
def test_masks_and_boxes_of_the_stored_photo_are_turned_with_it(turn: int, tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", SIZE, turn=turn)
    upright = np.asarray(shown(SIZE)[1])
    with Image.open(tmp_path / "a.jpg") as image:
        stored, found = image.size, orientation(image)
    assert found == turn and shown_size(stored, turn) == SIZE
    lying = shown(SIZE)[1] if turn == 1 else shown(SIZE)[1].transpose(INVERSE[turn])
    np.testing.assert_array_equal(fit_mask(np.asarray(lying), stored, turn, "m"), upright)
    box = lying.getbbox()
    assert box is not None
    np.testing.assert_array_equal(box_mask(box, stored, turn, "p"), upright)


@pytest.mark.parametrize("turn", (5, 6, 7, 8))
def test_masks_and_boxes_of_the_shown_photo_stay(turn: int) -> None:
    size = (30, 90)
    upright = np.asarray(shown(size)[1])
    np.testing.assert_array_equal(fit_mask(upright, (90, 30), turn, "m"), upright)
    smaller = np.asarray(shown((10, 30))[1])
    np.testing.assert_array_equal(fit_mask(smaller, (90, 30), turn, "m"), smaller)
    np.testing.assert_array_equal(box_mask(pixel_box(size), (90, 30), turn, "p"), upright)


def test_a_smaller_mask_of_the_stored_photo_is_turned() -> None:
    lying = shown((20, 10))[1]
    turned = fit_mask(np.asarray(lying), (400, 200), 6, "m")
    np.testing.assert_array_equal(turned, np.asarray(lying.transpose(Image.Transpose.ROTATE_270)))


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(SampleError, match="m: a mask of 40 x 31 pixels for a photo of 400 x 30"):
        fit_mask(np.full((31, 40), 255, np.uint8), (400, 30), 1, "m")
    with pytest.raises(SampleError, match="m: the mask shows no object"):
        fit_mask(np.zeros((30, 40), np.uint8), SIZE, 1, "m")
    with pytest.raises(SampleError, match="p: the box .* is not inside the photo of 40 x 30"):
        box_mask((50, 0, 60, 10), SIZE, 1, "p")


def test_what_of_a_box_is_outside_is_cut_off() -> None:
    mask = box_mask((-5, 10, 45, 20), SIZE, 1, "p")
    assert mask.shape == (30, 40) and mask.sum() == 255 * 40 * 10


def test_an_unknown_orientation_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    Image.new("L", (4, 4)).save(tmp_path / "a.jpg", exif=exif.tobytes())
    with Image.open(tmp_path / "a.jpg") as image:
        assert orientation(image) == 1
