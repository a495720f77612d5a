"""Decodes picture and mask files of any kind to one form, or says which file is broken and how.

Transparent pixels become white, in a mask they are background; EXIF orientation is applied; gray of
12 or 16 bits and of floats is scaled to 8 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Union

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from crossmodal.data import heif
from crossmodal.data.errors import SampleError
from crossmodal.runtime.what_it_is import describe_file

PathLike = Union[str, Path]
# What Pillow's decoders raise for torn or hostile files, besides its own errors.
DECODER_ERRORS = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, struct.error,
                  OverflowError, MemoryError, ZeroDivisionError, Image.DecompressionBombError)


def read_rgb(path: PathLike, least: int | None = None) -> np.ndarray:
    """(H, W, 3) uint8.

    least : a JPEG may be decoded at a smaller scale (fast) as long as its sides stay above this.
    Raises SampleError naming the file.
    """
    return np.asarray(_decode(path, _to_rgb, least))


def read_mask(path: PathLike) -> np.ndarray:
    """(H, W) uint8, 255 = object. Files that hold 0 and 1 are scaled. Raises SampleError.

    Of a file that is transparent in places, the transparency is the mask; together with its gray
    where that is black and white.
    """
    mask = np.asarray(_decode(path, _to_mask, None))
    return mask * np.uint8(255) if mask.max() == 1 else mask


def read_picture(
    image: PathLike, mask: PathLike | None = None, least: int | None = None
) -> np.ndarray:
    """(H, W, 4) uint8: RGB and mask; without a mask file the whole frame is the object.

    A mask of another size is scaled to the picture; one of another shape is a SampleError.
    """
    rgb = read_rgb(image, least)
    if mask is None:
        return join(rgb, None)
    return join(rgb, read_mask(mask), f"{mask}")


def join(rgb: np.ndarray, mask: np.ndarray | None, where: str = "mask") -> np.ndarray:
    """(H, W, 4) uint8 of (H, W, 3) uint8 and (h, w) uint8 or None."""
    height, width = rgb.shape[:2]
    if mask is None:
        mask = np.full((height, width), 255, np.uint8)
    elif mask.shape != (height, width):
        if abs(mask.shape[1] * height - mask.shape[0] * width) > 0.02 * mask.shape[0] * width + (
                max(height, width)):
            raise SampleError(f"{where}: a mask of {mask.shape[1]} x {mask.shape[0]} pixels for a "
                              f"picture of {width} x {height}; they must have the same shape")
        mask = np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.BILINEAR))
    return np.dstack([rgb, mask])


@contextmanager
def open_picture(path: PathLike) -> Iterator[Image.Image]:
    """A picture file as Pillow opens it; what is wrong with it, also later, is a SampleError."""
    try:
        with _open(path) as image:
            yield image
    except SampleError:
        raise
    except FileNotFoundError as error:
        raise SampleError(f"{path}: no such picture") from error
    except IsADirectoryError as error:
        raise SampleError(f"{path}: is a folder; give a picture") from error
    except DECODER_ERRORS as error:
        kind = describe_file(Path(path))
        reason = f"this is {kind}" if kind else f"not a readable picture ({error})"
        raise SampleError(f"{path}: {reason}; replace the file") from error


def _open(path: PathLike) -> Image.Image:
    try:
        return Image.open(path)
    except UnidentifiedImageError:
        remedy = heif.prepare(path)
        if remedy:
            raise SampleError(f"{path}: {remedy}") from None
        return Image.open(path)


def _decode(path: PathLike, convert: object, least: int | None) -> Image.Image:
    with open_picture(path) as image:
        if least is not None:
            image.draft("RGB", (least, least))
        image.load()
        return convert(ImageOps.exif_transpose(image))  # type: ignore[operator]


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _to_gray(image).convert("RGB")
    if has_alpha(image):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def has_alpha(image: Image.Image) -> bool:
    """Whether a picture says of its pixels how transparent they are."""
    return "A" in image.getbands() or "transparency" in image.info


def _to_mask(image: Image.Image) -> Image.Image:
    if not has_alpha(image):
        return _to_gray(image)
    image = image.convert("RGBA")
    gray, alpha = np.asarray(image.convert("RGB").convert("L")), np.asarray(image.getchannel("A"))
    if alpha.min() == 255:
        return Image.fromarray(gray)
    black_and_white = np.array_equal(np.unique(gray), [0, 255])
    return Image.fromarray(np.minimum(gray, alpha) if black_and_white else alpha)


def _to_gray(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, np.float64)
        if not np.isfinite(values).all() or values.min() < 0:
            raise ValueError("pixels that are no gray value")
        tops = (1.0, 255.0, 4095.0, 65535.0) if image.mode == "F" else (255.0, 4095.0, 65535.0)
        top = next((top for top in tops if values.max() <= top), values.max())
        return Image.fromarray(np.clip(values * (255 / top), 0, 255).astype(np.uint8))
    return image.convert("L")
