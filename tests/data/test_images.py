"""Files of every kind decode to one form; broken ones are named."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from crossmodal.data import heif, in_hand
from crossmodal.data.errors import SampleError
from crossmodal.data.images import join, read_mask, read_picture, read_rgb
from crossmodal.runtime import limits, time_limit

COLOUR = (200, 120, 40)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("RGB", COLOUR), ("P", COLOUR), ("RGBA", COLOUR), ("L", (135, 135, 135)),
     ("LA", (135, 135, 135)), ("1", (255, 255, 255)), ("I;16", (135, 135, 135))],
)
def test_png_modes(tmp_path: Path, mode: str, expected: tuple) -> None:
    image = Image.new("RGB", (5, 4), COLOUR)
    if mode == "I;16":
        values = np.full((4, 5), 135 * 257, np.uint16)
        values[0, 0] = 65535
        image = Image.fromarray(values)
    elif mode == "P":
        image = image.quantize(4)
    else:
        image = image.convert(mode)
    found = read_rgb(save(tmp_path / "a.png", image))
    assert found.shape == (4, 5, 3) and found.dtype == np.uint8
    assert np.abs(found[2, 2].astype(int) - expected).max() <= 1


def test_cmyk_and_gray_jpeg(tmp_path: Path) -> None:
    cmyk = Image.new("RGB", (16, 16), COLOUR).convert("CMYK")
    found = read_rgb(save(tmp_path / "a.jpg", cmyk, quality=95))
    assert np.abs(found[8, 8].astype(int) - COLOUR).max() <= 6
    gray = save(tmp_path / "b.jpg", Image.new("L", (16, 16), 77), quality=95)
    assert np.abs(read_rgb(gray)[8, 8].astype(int) - 77).max() <= 2


def test_transparency_becomes_white(tmp_path: Path) -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = (*COLOUR, 255)
    pixels[1, 1] = (0, 0, 0, 128)
    found = read_rgb(save(tmp_path / "a.png", Image.fromarray(pixels)))
    assert found[0, 0].tolist() == list(COLOUR)
    assert found[0, 1].tolist() == [255, 255, 255]
    assert abs(int(found[1, 1, 0]) - 127) <= 1
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    found = read_rgb(save(tmp_path / "b.png", palette, transparency=1))
    assert found[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :16] = 255  # white top left corner
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    image = Image.fromarray(upright)
    stored = image if undo is None else image.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.jpg", stored, exif=exif, quality=95)
    found = read_rgb(path)
    assert found.shape == (32, 48, 3)
    assert found[8, 8].min() > 200 and found[24, 40].max() < 60 and found[8, 40].max() < 60


def test_small_scale_decoding_keeps_enough_pixels(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.new("RGB", (1600, 1200), COLOUR))
    assert read_rgb(path).shape == (1200, 1600, 3)
    small = read_rgb(path, least=256)
    assert 256 <= min(small.shape[:2]) < 600


def test_masks(tmp_path: Path) -> None:
    values = np.array([[0, 1], [1, 0]], np.uint8)
    for factor in (1, 255):
        path = save(tmp_path / "m.png", Image.fromarray(values * np.uint8(factor)))
        assert read_mask(path).tolist() == [[0, 255], [255, 0]]
    path = save(tmp_path / "m.png", Image.fromarray(values * np.uint8(255)).convert("1"))
    assert read_mask(path).tolist() == [[0, 255], [255, 0]]


def test_a_mask_of_another_size_is_scaled_of_another_shape_refused(tmp_path: Path) -> None:
    image = save(tmp_path / "a.png", Image.new("RGB", (40, 30), COLOUR))
    half = save(tmp_path / "half.png", Image.new("L", (20, 15), 255))
    tall = save(tmp_path / "tall.png", Image.new("L", (30, 40), 255))
    assert read_picture(image, half).shape == (30, 40, 4)
    assert read_picture(image)[..., 3].min() == 255
    with pytest.raises(SampleError, match="tall.png.*30 x 40.*40 x 30"):
        read_picture(image, tall)


def test_join_keeps_colours_and_mask() -> None:
    rgb = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    mask = np.array([[0, 255], [9, 7]], np.uint8)
    picture = join(rgb, mask)
    assert np.array_equal(picture[..., :3], rgb) and np.array_equal(picture[..., 3], mask)


def encoded(kind: str) -> bytes:
    rng = np.random.default_rng(0)
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "GIF"])
@pytest.mark.parametrize("part", [0.0, 0.02, 0.3, 0.8])
def test_truncated_files_are_named(tmp_path: Path, kind: str, part: float) -> None:
    data = encoded(kind)
    path = tmp_path / "cut.img"
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(SampleError, match="cut.img.*replace the file"):
        read_rgb(path)


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="none.jpg"):
        read_rgb(tmp_path / "none.jpg")
    (tmp_path / "text.jpg").write_text("<html>not found</html>")
    with pytest.raises(SampleError, match="text.jpg"):
        read_picture(tmp_path / "text.jpg")


def test_gigantic_pictures_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", Image.new("L", (40, 40)))
    monkeypatch.setattr(limits, "LARGEST_PICTURE", 500)
    with pytest.raises(SampleError, match="a.png"):
        read_rgb(path)


@given(st.sampled_from(["JPEG", "PNG", "GIF"]), st.integers(0, 10**6), st.binary(max_size=8))
def test_damage_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, kind: str, position: int, noise: bytes
) -> None:
    data = bytearray(encoded(kind))
    position %= len(data)
    data[position : position + len(noise)] = noise
    path = tmp_path_factory.getbasetemp() / "damaged.img"
    path.write_bytes(bytes(data))
    try:
        assert read_rgb(path).dtype == np.uint8
    except SampleError as error:
        assert "damaged.img" in str(error)


@pytest.mark.parametrize("top", [4095, 65535])
def test_gray_of_12_and_of_16_bits_is_scaled(tmp_path: Path, top: int) -> None:
    values = np.array([[0, top // 2, top]], np.uint16)
    found = read_rgb(save(tmp_path / "a.png", Image.fromarray(values)))
    assert found[0, :, 0].tolist() == [0, 127, 255]


@pytest.mark.parametrize("top", [1.0, 255.0])
def test_gray_of_floats_is_scaled(tmp_path: Path, top: float) -> None:
    values = np.array([[0, top / 2, top]], np.float32)
    found = read_rgb(save(tmp_path / "a.tif", Image.fromarray(values)))
    assert found[0, :, 0].tolist() == [0, 127, 255]


@pytest.mark.parametrize("colours", ["white", "black", "photo"])
def test_the_mask_in_a_transparent_file_is_its_transparency(tmp_path: Path, colours: str) -> None:
    pixels = np.zeros((4, 6, 4), np.uint8)
    pixels[..., :3] = {"white": 255, "black": 0}.get(
        colours, np.arange(72, dtype=np.uint8).reshape(4, 6, 3))
    pixels[1:3, 2:5, 3] = 255
    mask = read_mask(save(tmp_path / "a.png", Image.fromarray(pixels)))
    np.testing.assert_array_equal(mask, pixels[..., 3])


def test_a_black_and_white_mask_may_be_transparent_too(tmp_path: Path) -> None:
    pixels = np.zeros((4, 6, 4), np.uint8)
    pixels[1:3, 2:5] = 255
    pixels[0, 0] = (0, 0, 0, 255)  # opaque background
    mask = read_mask(save(tmp_path / "a.png", Image.fromarray(pixels)))
    np.testing.assert_array_equal(mask, pixels[..., 0])


def test_a_mask_that_is_opaque_is_its_gray(tmp_path: Path) -> None:
    pixels = np.full((4, 6, 4), 255, np.uint8)
    pixels[:, :3, :3] = 0
    mask = read_mask(save(tmp_path / "a.png", Image.fromarray(pixels)))
    np.testing.assert_array_equal(mask, pixels[..., 0])


@pytest.mark.parametrize("brand, kind", [(b"heic", "HEIC"), (b"mif1", "HEIC"), (b"avif", "AVIF")])
def test_what_a_phone_writes_is_named_where_it_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, brand: bytes, kind: str
) -> None:
    monkeypatch.setattr(heif.util, "find_spec", lambda name: None)
    monkeypatch.setattr(heif.features, "check", lambda name: False)
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x1cftyp" + brand + bytes(40))
    with pytest.raises(SampleError, match=f"a.jpg: a picture in {kind}: `pip install pillow-heif`"):
        read_rgb(tmp_path / "a.jpg")


def test_what_a_phone_writes_is_read_where_it_can_be(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), COLOUR)).save(tmp_path / "a.heic")
    found = read_rgb(tmp_path / "a.heic")
    assert found.shape == (48, 64, 3)
    assert np.abs(found[9, 9].astype(int) - COLOUR).max() <= 8


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="is a folder; give a picture"):
        read_rgb(tmp_path)


def test_a_web_page_is_told_from_a_picture(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("<!DOCTYPE html><html></html>")
    with pytest.raises(SampleError, match="a.jpg: this is a web page"):
        read_rgb(tmp_path / "a.jpg")


def test_endless_decoding_is_stopped_and_the_file_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4)).save(path)
    note = bytearray(in_hand.SIZE)
    seen = []

    def endless(*_: object) -> None:
        seen.append(in_hand.noted(memoryview(note)))
        while True:
            sum(range(1000))

    monkeypatch.setattr(in_hand, "_note", memoryview(note))
    monkeypatch.setattr(Image.Image, "convert", endless)
    monkeypatch.setattr(time_limit, "SECONDS", 0.2)
    with pytest.raises(SampleError, match=r"a\.png: reading it takes more than 0 s of processor"):
        read_rgb(path)
    assert seen == [str(path)] and in_hand.noted(memoryview(note)) == ""
    monkeypatch.setattr(in_hand, "_deadly", frozenset([str(path)]))
    with pytest.raises(SampleError, match="a process that read it died of it"):
        read_rgb(path)
