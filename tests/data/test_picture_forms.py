"""Pictures converted by bands of rows are those that are converted whole, bit for bit."""

from __future__ import annotations

import itertools
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from crossmodal.data import picture_forms
from crossmodal.data.images import read_alpha, read_mask, read_rgb

SIZE = (37, 23)


def whole_rgb(path: Path) -> np.ndarray:
    """The obvious way: the whole picture at each step."""
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith(("I", "F")):
            return np.asarray(whole_gray(image).convert("RGB"))
        if "A" in image.getbands() or "transparency" in image.info:
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, "white")
            return np.asarray(Image.alpha_composite(white, image).convert("RGB"))
        return np.asarray(image.convert("RGB"))


def whole_mask(path: Path) -> np.ndarray:
    """As `whole_rgb`, of a mask."""
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image)
        if not ("A" in image.getbands() or "transparency" in image.info):
            return np.asarray(whole_gray(image))
        image = image.convert("RGBA")
    gray, alpha = np.asarray(image.convert("RGB").convert("L")), np.asarray(image.getchannel("A"))
    if alpha.min() == 255:
        return gray
    return np.minimum(gray, alpha) if np.array_equal(np.unique(gray), [0, 255]) else alpha


def whole_gray(image: Image.Image) -> Image.Image:
    """Gray of 8 bits."""
    if not image.mode.startswith(("I", "F")):
        return image.convert("L")
    values = np.asarray(image, np.float64)
    tops = (1.0, 255.0, 4095.0, 65535.0) if image.mode == "F" else (255.0, 4095.0, 65535.0)
    top = next((top for top in tops if values.max() <= top), values.max())
    return Image.fromarray(np.clip(values * (255 / top), 0, 255).astype(np.uint8))


def made(mode: str, kind: str) -> Image.Image:
    """A picture of random pixels; `kind` says how transparent or how bright they are."""
    rng = np.random.default_rng(3)
    if mode in ("F", "I", "I;16"):
        dtype = {"F": np.float32, "I": np.int32, "I;16": np.uint16}[mode]
        top = {"plain": 255, "dark": 1, "bright": 60_000}[kind]
        return Image.fromarray((rng.random(SIZE[::-1]) * top).astype(dtype))
    pixels = rng.integers(0, 256, (*SIZE[::-1], 4), dtype=np.uint8)
    pixels[..., 3] = {"plain": pixels[..., 3], "dark": 255, "bright": 128}[kind]
    if kind == "bright":
        pixels[..., :3] = np.where(pixels[..., :1] > 127, 255, 0)
    image = Image.fromarray(pixels)
    if mode == "P":
        image = image.convert("RGB").quantize(16)
        image.info["transparency"] = 3
        return image
    return image.convert("RGB").convert(mode) if mode == "1" else image.convert(mode)


PICTURES = [*itertools.product(("L", "LA", "RGB", "RGBA", "P", "1", "I;16"), ("png",)),
            *itertools.product(("L", "RGB", "CMYK", "F", "I", "I;16", "RGBA", "YCbCr", "LAB"),
                               ("tif",)),
            *itertools.product(("L", "RGB", "CMYK"), ("jpg",)), ("RGBA", "webp"), ("P", "gif")]


@pytest.mark.parametrize("kind", ["plain", "dark", "bright"])
@pytest.mark.parametrize("mode, suffix", PICTURES)
def test_bands_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str,
                             suffix: str, kind: str) -> None:
    path, image = tmp_path / f"a.{suffix}", made(mode, kind)
    options = {"transparency": 3} if mode == "P" else {}
    image.save(path, **options)
    for band in (1, 100, 10**6):
        monkeypatch.setattr(picture_forms, "BAND", band)
        np.testing.assert_array_equal(read_rgb(path), whole_rgb(path))
        expected = whole_mask(path)
        expected = expected * np.uint8(255) if expected.max() == 1 else expected
        np.testing.assert_array_equal(read_mask(path), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode, suffix", [("RGB", "jpg"), ("RGBA", "png"), ("I;16", "tif")])
def test_orientation_is_that_of_pillow(tmp_path: Path, mode: str, suffix: str,
                                       orientation: int) -> None:
    path, exif = tmp_path / f"a.{suffix}", Image.Exif()
    exif[0x0112] = orientation
    packed = {"compression": "tiff_lzw"} if suffix == "tif" else {}
    made(mode, "plain").save(path, exif=exif, **packed)
    np.testing.assert_array_equal(read_rgb(path), whole_rgb(path))
    np.testing.assert_array_equal(read_mask(path), whole_mask(path))
    assert read_rgb(path).flags.c_contiguous


def test_a_plain_tiff_is_turned_once(tmp_path: Path) -> None:
    """By name, Pillow maps such a file into memory, and turns it twice."""
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.asarray(made("L", "plain"))
    Image.fromarray(pixels).save(tmp_path / "a.tif", exif=exif)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), np.rot90(pixels, 3))


def test_opacity_of_what_may_be_transparent(tmp_path: Path) -> None:
    image = made("RGBA", "plain")
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_alpha(tmp_path / "a.png"), np.asarray(image)[..., 3])
    image.convert("RGB").save(tmp_path / "b.png")
    assert read_alpha(tmp_path / "b.png") is None


@pytest.mark.parametrize("mode, factor", [("RGBA", 4), ("I;16", 4), ("RGB", 4)])
def test_memory_of_a_picture_is_that_of_its_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                   mode: str, factor: int) -> None:
    """NumPy's and Python's part of it; what Pillow takes for the picture itself does not count."""
    monkeypatch.setattr(picture_forms, "BAND", 10_000)
    path, side = tmp_path / "a.png", 1000
    Image.new(mode, (side, side)).save(path)
    tracemalloc.start()
    try:
        read_rgb(path)
        assert tracemalloc.get_traced_memory()[1] < factor * side * side + 500_000
    finally:
        tracemalloc.stop()
