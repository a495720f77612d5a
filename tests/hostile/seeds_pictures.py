"""Small good pictures of every kind that is read, and what reads them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, features

from crossmodal.data.images import open_picture, orientation, read_alpha, read_mask, read_rgb

Seed = tuple[str, bytes, Callable[[Path], Any]]


def picture(path: Path) -> None:
    """All that is read of a picture."""
    read_rgb(path)
    read_rgb(path, least=8)
    read_mask(path)
    read_alpha(path)
    with open_picture(path) as image:
        orientation(image)


def encoded(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (18, 23, 4), dtype=np.uint8)
    image = Image.fromarray(pixels).convert("RGB" if mode in ("1", "P", "CMYK", "L") else mode)
    file = io.BytesIO()
    image.convert(mode).save(file, kind, **options)
    return file.getvalue()


def numbers(kind: str, dtype: type) -> bytes:
    file = io.BytesIO()
    Image.fromarray((np.arange(18 * 23).reshape(18, 23) * 50).astype(dtype)).save(file, kind)
    return file.getvalue()


def exif() -> Image.Exif:
    found = Image.Exif()
    found[0x0112], found[0x010E] = 6, "a description"
    return found


def frames(kind: str) -> bytes:
    file = io.BytesIO()
    images = [Image.new("RGB", (12, 9), (number, 0, 0)) for number in range(4)]
    images[0].save(file, kind, save_all=True, append_images=images[1:])
    return file.getvalue()


PICTURES: dict[str, tuple[str, bytes]] = {
    "jpeg": (".jpg", encoded("JPEG", exif=exif())), "jpeg cmyk": (".jpg", encoded("JPEG", "CMYK")),
    "jpeg progressive": (".jpg", encoded("JPEG", progressive=True)), "mpo": (".jpg", frames("MPO")),
    "png": (".png", encoded("PNG", "RGBA", exif=exif())), "png gray": (".png", encoded("PNG", "L")),
    "png palette": (".png", encoded("PNG", "P")), "png 16": (".png", numbers("PNG", np.uint16)),
    "bmp": (".bmp", encoded("BMP")), "gif": (".gif", frames("GIF")),
    "tiff": (".tif", encoded("TIFF", exif=exif())), "tiff f": (".tif", numbers("TIFF", np.float32)),
    "tiff packed": (".tif", encoded("TIFF", compression="tiff_lzw")),
    "ppm": (".ppm", encoded("PPM")), "tga": (".tga", encoded("TGA")),
    "tga packed": (".tga", encoded("TGA", compression="tga_rle")), "ico": (".ico", encoded("ICO")),
}
for name, kind, suffix, feature in (("webp", "WEBP", ".webp", "webp"), ("avif", "AVIF", ".avif",
                                    "avif"), ("jp2", "JPEG2000", ".jp2", "jpg_2000")):
    if features.check(feature):
        PICTURES[name] = (suffix, encoded(kind))
SEEDS: dict[str, Seed] = {name: (suffix, data, picture)
                          for name, (suffix, data) in PICTURES.items()}
