"""Any photo becomes a query: orientation, mode, size, mask file, plain or busy background."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from crossmodal.data.errors import SampleError
from crossmodal.data.find_object import find_object
from crossmodal.retrieval.query_image import cut_to_object, load_query, locate


def scene(width: int, height: int, background: tuple[int, ...] = (255, 255, 255),
          colour: tuple[int, ...] = (160, 60, 40)) -> tuple[Image.Image, np.ndarray]:
    """An L-shaped object left of the middle, and its mask (H, W) bool."""
    picture, mask = Image.new("RGB", (width, height), background), Image.new("L", (width, height))
    corners = [(0.2, 0.3), (0.3, 0.3), (0.3, 0.6), (0.5, 0.6), (0.5, 0.7), (0.2, 0.7)]
    points = [(x * width, y * height) for x, y in corners]
    ImageDraw.Draw(picture).polygon(points, colour)
    ImageDraw.Draw(mask).polygon(points, 255)
    return picture, np.asarray(mask) > 127


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def with_gradient(picture: Image.Image, noise: float) -> np.ndarray:
    """The picture darkened from left to right and from top to bottom, and noisy."""
    width, height = picture.size
    shade = np.linspace(0, -70, width)[None, :] + np.linspace(0, -25, height)[:, None]
    random = np.random.default_rng(0).normal(0, noise, (height, width, 3))
    return np.clip(np.asarray(picture) + shade[..., None] + random, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), (60, 140, 200)])
@pytest.mark.parametrize("size", [(640, 480), (90, 160), (1500, 700)])
def test_the_object_is_found_on_any_plain_colour(background, size) -> None:
    picture, mask = scene(*size, background)
    found = find_object(np.asarray(picture))
    assert found is not None and found.dtype == np.uint8
    assert overlap(found > 127, mask) > 0.9


def test_the_object_is_found_on_a_noisy_gradient() -> None:
    picture, mask = scene(600, 400, (235, 235, 225))
    found = find_object(with_gradient(picture, 4.0))
    assert found is not None and overlap(found > 127, mask) > 0.9


def test_an_object_that_touches_the_border_is_found() -> None:
    pixels = np.full((200, 200, 3), 250, np.uint8)
    pixels[80:, 60:150] = (30, 90, 30)
    found = find_object(pixels)
    assert found is not None and overlap(found > 127, pixels[..., 0] == 30) > 0.9


def test_holes_show_the_background_but_pale_parts_belong_to_the_object() -> None:
    pixels = np.full((300, 300, 3), 255, np.uint8)
    pixels[60:240, 60:240] = (90, 60, 30)
    pixels[90:140, 90:140] = 255  # a hole
    pixels[160:210, 160:210] = 246  # a pale cushion
    found = find_object(pixels)
    assert found is not None
    assert (found[95:135, 95:135] == 0).all() and (found[165:205, 165:205] == 255).all()


def test_specks_are_no_part_of_the_object() -> None:
    picture, mask = scene(400, 400)
    pixels = np.asarray(picture).copy()
    pixels[40:46, 330:336] = 0
    pixels[370, 30:370] = 0  # a hair
    found = find_object(pixels)
    assert found is not None and overlap(found > 127, mask) > 0.9


def test_a_busy_or_empty_picture_has_no_plain_background() -> None:
    rng = np.random.default_rng(0)
    assert find_object(rng.integers(0, 256, (200, 300, 3), np.uint8)) is None
    stripes = np.where((np.arange(200) // 20 % 2)[None, :, None], 40, 220)
    assert find_object(np.broadcast_to(stripes, (200, 200, 3)).astype(np.uint8)) is None
    assert find_object(np.full((100, 100, 3), 255, np.uint8)) is None
    assert find_object(np.zeros((4, 4000, 3), np.uint8)) is None
    whole = locate(rng.integers(0, 256, (50, 70, 3), np.uint8))
    assert whole.found == "whole frame" and whole.mask.min() == 255
    assert whole.rgb.shape == (50, 70, 3)


def test_the_query_is_a_square_around_the_object() -> None:
    picture, mask = scene(600, 400)
    query = locate(np.asarray(picture), margin=0.1)
    assert query.found == "plain background"
    assert query.rgb.shape[0] == query.rgb.shape[1] == pytest.approx(180 * 1.2, abs=6)
    assert query.mask.mean() / 255 == pytest.approx(mask.sum() / query.mask.size, rel=0.05)
    inside = query.rgb[query.mask > 127]
    assert np.median(inside, axis=0).tolist() == [160, 60, 40]


def test_outside_the_picture_is_the_border_colour() -> None:
    pixels = np.full((100, 300, 3), (10, 200, 90), np.uint8)
    pixels[:, 20:280] = 50
    query = cut_to_object(pixels, (pixels[..., 0] == 50).astype(np.uint8) * 255, 0.1, "mask file")
    assert query.rgb.shape == (312, 312, 3) and (query.mask[0] == 0).all()
    assert len(np.unique(query.rgb[0].reshape(-1, 3), axis=0)) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotated_photos_give_the_same_query(tmp_path: Path, orientation: int) -> None:
    upright = scene(640, 400)[0]
    undo = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
            6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270"}
    stored = upright if orientation == 1 else upright.transpose(
        Image.Transpose[undo[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "photo.jpg", exif=exif, quality=98)
    query = load_query(tmp_path / "photo.jpg")
    expected = locate(np.asarray(upright))
    assert query.found == "plain background"
    assert abs(query.mask.shape[0] - expected.mask.shape[0]) <= 4
    small = [np.asarray(Image.fromarray(q.mask).resize((64, 64))) > 127 for q in (query, expected)]
    assert overlap(*small) > 0.95


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "CMYK", "LA", "I;16", "1"])
def test_pictures_of_any_mode_are_read(tmp_path: Path, mode: str) -> None:
    picture, mask = scene(300, 240, colour=(40, 40, 40))
    path = tmp_path / ("photo.tif" if mode == "CMYK" else "photo.png")
    if mode == "I;16":
        Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(path)
    else:
        picture.convert(mode).save(path)
    query = load_query(path)
    assert query.rgb.dtype == np.uint8 and query.rgb.shape[2] == 3
    assert query.found == "plain background"
    assert (query.mask > 127).sum() == pytest.approx(mask.sum(), rel=0.05)


def test_transparency_is_the_mask(tmp_path: Path) -> None:
    picture, mask = scene(200, 160, colour=(255, 255, 255))  # white on white: only alpha tells
    picture.putalpha(Image.fromarray(mask.astype(np.uint8) * 255))
    picture.save(tmp_path / "cutout.png")
    query = load_query(tmp_path / "cutout.png")
    assert query.found == "transparency"
    assert (query.mask > 127).sum() == mask.sum()


def test_a_mask_file_decides_and_may_have_another_size(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (200, 300, 3), np.uint8)).save(tmp_path / "busy.png")
    mask = scene(300, 200)[1]
    half = Image.fromarray(mask).resize((150, 100))
    Image.fromarray(np.asarray(half).astype(np.uint8) * 255).save(tmp_path / "mask.png")
    query = load_query(tmp_path / "busy.png", tmp_path / "mask.png")
    assert query.found == "mask file"
    assert (query.mask > 127).sum() == pytest.approx(mask.sum(), rel=0.08)
    whole = load_query(tmp_path / "busy.png", whole=True)
    assert whole.rgb.shape == (200, 300, 3) and whole.found == "whole frame"


def test_bad_files_are_named(tmp_path: Path) -> None:
    Image.new("RGB", (80, 60)).save(tmp_path / "photo.png")
    Image.new("L", (80, 60)).save(tmp_path / "empty.png")
    Image.new("L", (60, 80), 255).save(tmp_path / "turned.png")
    scene(300, 200)[0].save(tmp_path / "torn.jpg")
    data = (tmp_path / "torn.jpg").read_bytes()
    (tmp_path / "torn.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "zero.png").write_bytes(b"")
    with pytest.raises(SampleError, match="empty.png: the mask is empty"):
        load_query(tmp_path / "photo.png", tmp_path / "empty.png")
    with pytest.raises(SampleError, match="turned.png: a mask of 60 x 80"):
        load_query(tmp_path / "photo.png", tmp_path / "turned.png")
    for name in ("torn.jpg", "zero.png", "absent.png"):
        with pytest.raises(SampleError, match=name):
            load_query(tmp_path / name)


MEASURE = """
import sys
from crossmodal.retrieval.query_image import load_query
from crossmodal.runtime.log import peak_memory_mib
before = peak_memory_mib()
query = load_query(sys.argv[1])
print(query.found, query.rgb.shape[0], query.mask.mean() / 255, peak_memory_mib() - before)
"""


def test_a_huge_photo_is_read_in_little_memory(tmp_path: Path) -> None:
    scene(8200, 6100)[0].save(tmp_path / "huge.jpg", quality=80)
    answer = subprocess.run([sys.executable, "-c", MEASURE, str(tmp_path / "huge.jpg")],
                            check=True, capture_output=True, text=True).stdout
    found, side, part, mib = answer.rsplit(maxsplit=3)
    assert found == "plain background" and int(side) >= 224 and float(part) > 0.2
    assert float(mib) < 200  # all of it, in RGB and a mask, would be 190 MiB, twice while cutting


def test_a_very_wide_photo_is_read(tmp_path: Path) -> None:
    scene(12000, 300)[0].save(tmp_path / "wide.png")
    query = load_query(tmp_path / "wide.png")
    assert query.found == "plain background" and query.rgb.shape[0] == query.rgb.shape[1]


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 500)])
def test_tiny_pictures_are_whole_frames(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, "red").save(tmp_path / "tiny.png")
    assert load_query(tmp_path / "tiny.png").found == "whole frame"
