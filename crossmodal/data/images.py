"""Decodes picture and mask files of any kind to one form, or says which file is broken and how.

Transparent pixels become white, in a mask they are background; EXIF orientation is applied; gray of
12 or 16 bits and of floats is scaled to 8 bits.
"""

from __future__ import annotations

from typing import BinaryIO, Callable

import numpy as np
from PIL import Image

from crossmodal.data.errors import SampleError
from crossmodal.data.picture_claims import check_exif
from crossmodal.data.picture_file import PathLike, load, named, open_picture, opened
from crossmodal.data.picture_forms import gray_of, has_alpha, mask_of, opacity_of, rgb_of, rgba_of

__all__ = ["has_alpha", "join", "open_picture", "orientation", "read_alpha", "read_gray",
           "read_mask", "read_picture", "read_rgb", "read_rgba"]

ORIENTATION = 0x0112  # EXIF tag
UPRIGHT = 1
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, 3),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


def read_rgb(path: PathLike, least: int | None = None) -> np.ndarray:
    """(H, W, 3) uint8.

    least : a JPEG may be decoded at a smaller scale (fast) as long as its sides stay above this.
    Raises SampleError naming the file.
    """
    return _decoded(path, rgb_of, least)


def read_mask(path: PathLike) -> np.ndarray:
    """(H, W) uint8, 255 = object. Files that hold 0 and 1 are scaled. Raises SampleError.

    Of a file that is transparent in places, the transparency is the mask; together with its gray
    where that is black and white.
    """
    mask = _decoded(path, mask_of, None)
    return mask * np.uint8(255) if mask.max() == 1 else mask


def read_gray(path: PathLike) -> np.ndarray:
    """(H, W) uint8, whatever is transparent. Raises SampleError."""
    return _decoded(path, gray_of, None)


def read_alpha(path: PathLike) -> np.ndarray | None:
    """(H, W) uint8 opacity of a picture that may be transparent, else None, without decoding it.

    Raises SampleError.
    """
    with open_picture(path) as image:
        if not has_alpha(image):
            return None
    return _decoded(path, opacity_of, None)


def read_rgba(file: BinaryIO, name: str, most: int | None = None) -> np.ndarray:
    """(H, W, 4) uint8 of a picture in a file that is open, stored as it is; `name` for messages.

    most : pixels that it may have; None: as any picture. Raises SampleError.
    """
    with named(name), opened(file, name) as image:
        load(image, most=most)
        return rgba_of(image)


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


def orientation(image: Image.Image) -> int:
    """EXIF orientation of an open picture, 1 to 8; 1: it is stored as it is shown."""
    exif = image.info.get("exif")
    check_exif(exif if isinstance(exif, bytes) else b"")
    value = image.getexif().get(ORIENTATION, UPRIGHT)
    return value if value in TURNS else UPRIGHT


def _decoded(path: PathLike, convert: Callable[[Image.Image], np.ndarray],
             least: int | None) -> np.ndarray:
    pixels, turn = _stored(path, convert, least)  # the picture itself is let go here
    if turn == UPRIGHT:
        return pixels
    whole = pixels.view(f"V{pixels.shape[2]}")[..., 0] if pixels.ndim == 3 else pixels
    turned = np.ascontiguousarray(TURNS[turn](whole))  # twice as fast as number by number
    return turned.view(np.uint8).reshape(*turned.shape, *pixels.shape[2:])


def _stored(path: PathLike, convert: Callable[[Image.Image], np.ndarray],
            least: int | None) -> tuple[np.ndarray, int]:
    """The pixels as they are stored, and the orientation."""
    with open_picture(path) as image:
        load(image, least)
        return convert(image), orientation(image)
