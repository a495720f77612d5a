"""Pictures that claim far more than they are: refused by name, before a decoder believes them."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossmodal.data import picture_claims, picture_file
from crossmodal.data.errors import SampleError
from crossmodal.data.images import read_mask, read_rgb, read_rgba
from crossmodal.runtime import limits


def encoded(kind: str, size: tuple[int, int] = (16, 16), **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (9, 99, 199)).save(file, kind, **options)
    return file.getvalue()


def refused(path: Path, data: bytes, why: str) -> None:
    """The file is refused in one line that names it and says why."""
    path.write_bytes(data)
    with pytest.raises(SampleError, match=why) as caught:
        read_rgb(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message and len(message) < 400


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def tags(entries: list[tuple[int, int, int, int]], room: int = 0) -> bytes:
    """A TIFF of one table of tags."""
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + table + bytes(4 + room)


@pytest.mark.parametrize("size", [(20_000, 20_000), (1, 2_000_000)])
def test_too_many_pixels_are_refused_with_the_remedy(tmp_path: Path, size: tuple) -> None:
    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x")
    refused(tmp_path / "a.png", data, f"a picture of {size[0]} x {size[1]} pixels, and at most ")


def test_more_memory_lets_larger_pictures_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                             ) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG", (40, 40)))
    monkeypatch.setattr(limits, "LARGEST_PICTURE", 1000)
    with pytest.raises(SampleError, match="40 x 40 pixels, and at most 1000 .*--max-memory"):
        read_rgb(path)
    monkeypatch.setenv(limits.VARIABLE, str(16 * 1600))
    assert read_rgb(path).shape == (40, 40, 3)


def test_a_large_jpeg_is_read_at_a_smaller_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                                 ) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded("JPEG", (800, 800)))
    monkeypatch.setattr(limits, "LARGEST_PICTURE", 50_000)
    with pytest.raises(SampleError, match="800 x 800"):
        read_rgb(path)
    assert read_rgb(path, least=100).shape == (100, 100, 3)


def test_pillows_own_limit_says_nothing_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                                  ) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(encoded("TIFF", (40, 40)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_rgb(path).shape == (40, 40, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_an_icon_with_a_picture_of_another_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                                ) -> None:
    inner = encoded("PNG", (300, 300))
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inner), 22)
    monkeypatch.setattr(limits, "LARGEST_PICTURE", 50_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of the size
        refused(tmp_path / "a.ico", struct.pack("<HHH", 0, 1, 1) + entry + inner, "300 x 300|90000")


def test_formats_that_start_other_programs_are_not_tried(tmp_path: Path) -> None:
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n"
    refused(tmp_path / "a.jpg", postscript, "no whole picture of a kind that is read")
    assert not {"EPS", "WMF", "PDF", "FITS", "MSP", "GBR"} & {
        *picture_file.COMMON, *picture_file.OTHERS}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name on this system")
def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(SampleError, match="a.png: .*is a pipe or a device"):
        read_rgb(tmp_path / "a.png")


def test_tags_that_all_name_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                           ) -> None:
    monkeypatch.setattr(limits, "ANY_FILE", 0)
    many = [(number, 1, 100_000, 8) for number in range(1000, 1500)]
    refused(tmp_path / "a.tif", tags(many, 100_000), "what its tags name would take")
    refused(tmp_path / "a.tif", tags([(34665, 4, 1, 8)] * 9 + many, 100_000), "tags name")
    exif = b"Exif\0\0" + tags(many, 30_000)
    data = encoded("JPEG")
    part = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    refused(tmp_path / "a.jpg", data[:2] + part + data[2:], "what its tags name")
    data = encoded("PNG")
    refused(tmp_path / "a.png", data[:33] + chunk(b"eXIf", exif[6:]) + data[33:], "its tags name")


def test_strips_without_number(tmp_path: Path) -> None:
    refused(tmp_path / "a.tif", tags([(273, 4, 2_000_000, 8)], 8_000_000), "strips or tiles")


def test_passes_over_one_picture(tmp_path: Path) -> None:
    data = encoded("JPEG", progressive=True)
    first = data.index(b"\xff\xda")
    second = data.index(b"\xff\xda", first + 2)
    refused(tmp_path / "a.jpg", data[:first] + data[first:second] * 200 + data[first:],
            "more than 40 passes over its picture")
    data = data[:first] + data[first:] + data * 300  # pictures of their own behind it
    (tmp_path / "b.jpg").write_bytes(data)
    assert read_rgb(tmp_path / "b.jpg").shape == (16, 16, 3)


@pytest.mark.parametrize("kind, at, part, why", [
    ("JPEG", 2, b"\xff\xe2\0\x02", "parts before its picture"),
    ("PNG", 33, chunk(b"teSt"), "chunks"),
    ("GIF", 13 + 3 * 256, b"!\x01\x01x\0", "blocks before its picture")])
def test_parts_without_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, at: int,
                              part: bytes, why: str) -> None:
    monkeypatch.setattr(picture_claims, "MOST_PARTS", 3000)
    data = encoded(kind)
    at = 13 + (3 << (data[10] & 7) + 1) if kind == "GIF" else at
    (tmp_path / "b.img").write_bytes(data[:at] + 20 * part + data[at:])
    assert read_rgb(tmp_path / "b.img").shape == (16, 16, 3)
    refused(tmp_path / "a.img", data[:at] + 5000 * part + data[at:], f"more than .* {why}")


def test_a_comment_of_megabytes(tmp_path: Path) -> None:
    data = encoded("GIF")
    at = 13 + (3 << (data[10] & 7) + 1)
    comment = b"!\xfe" + 5000 * (b"\xff" + bytes(255)) + b"\0"
    refused(tmp_path / "a.gif", data[:at] + comment + data[at:], "bytes of comments")


def test_only_the_first_frame_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), (number, 0, 0)) for number in range(200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    data = (tmp_path / "a.gif").read_bytes()
    first = read_rgb(tmp_path / "a.gif")
    second = data.index(b"!\xf9", data.index(b"!\xf9") + 8)
    (tmp_path / "a.gif").write_bytes(data[:second] + b"!\xf9" + bytes(1000))
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.gif"), first)


def test_a_picture_in_memory_is_bounded_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_rgba(io.BytesIO(encoded("PNG")), "in a.zip").shape == (16, 16, 4)
    monkeypatch.setattr(limits, "LARGEST_PICTURE", 100)
    with pytest.raises(SampleError, match="in a.zip: a picture of 16 x 16 pixels"):
        read_rgba(io.BytesIO(encoded("PNG")), "in a.zip")


def test_masks_go_through_the_same_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    monkeypatch.setattr(limits, "LARGEST_PICTURE", 100)
    with pytest.raises(SampleError, match="a.png: a picture of 16 x 16 pixels"):
        read_mask(tmp_path / "a.png")
