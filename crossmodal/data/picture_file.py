"""Opens picture files that may be anything: the one door for all pictures.

Only formats that Pillow decodes itself are tried (for EPS it would start another program), and how
much a picture takes is known before its pixels are decoded.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Union

from PIL import Image, UnidentifiedImageError

from crossmodal.data import heif
from crossmodal.data.errors import SampleError
from crossmodal.data.in_hand import in_hand
from crossmodal.data.picture_claims import check_structure
from crossmodal.runtime.brief import one_line
from crossmodal.runtime.limits import VARIABLE, TooLarge, largest_picture
from crossmodal.runtime.safe_files import open_regular
from crossmodal.runtime.time_limit import TooSlow, time_limit
from crossmodal.runtime.what_it_is import BEGINNING, describe

PathLike = Union[str, Path]
COMMON = ("BMP", "GIF", "JPEG", "PPM", "PNG")  # Pillow knows them without loading all of its parts
OTHERS = ("AVIF", "DIB", "HEIF", "ICO", "JPEG2000", "MPO", "TIFF", "WEBP", "TGA")  # TGA has no mark
LONGEST_SIDE = 1_000_000  # pixels; a row takes memory however short it is
WEIGHTS = {"JPEG2000": 2}  # decoders that need twice the memory
# What Pillow's decoders raise for torn or hostile files, besides its own errors.
DECODER_ERRORS = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, struct.error,
                  OverflowError, MemoryError, ZeroDivisionError, KeyError, AttributeError,
                  AssertionError, RuntimeError, zlib.error, Image.DecompressionBombError)


@contextmanager
def open_picture(path: PathLike) -> Iterator[Image.Image]:
    """A picture file as Pillow opens it, for what its header says; see `load` for its pixels.

    What is wrong with it, also later, is a SampleError; so is taking too long.
    """
    with named(str(path)), in_hand(path), open_regular(path) as file:
        with time_limit(os.fstat(file.fileno()).st_size), opened(file, str(path)) as image:
            yield image


@contextmanager
def opened(file: BinaryIO, name: str) -> Iterator[Image.Image]:
    """An open file as a picture; `name` is for messages. Raises SampleError, DECODER_ERRORS."""
    head = file.read(BEGINNING)
    check_structure(file)
    with pillows_limit(None):
        image = _identified(file, COMMON) or _of_other_kind(file, head, name)
    with image:
        yield image


def load(image: Image.Image, least: int | None = None, most: int | None = None) -> None:
    """Decode an open picture, if it is not too large.

    least : a JPEG may be decoded at a smaller scale (fast) as long as its sides stay above this
    most : pixels that it may have; None: as any picture
    """
    if least is not None:
        image.draft("RGB", (least, least))
    _check_size(image, most)
    with pillows_limit(largest_picture()):
        image.load()
    _check_size(image, most)  # an icon holds a whole picture of another size


@contextmanager
def named(name: str) -> Iterator[None]:
    """What goes wrong inside is a SampleError that begins with `name`."""
    try:
        yield
    except SampleError:
        raise
    except FileNotFoundError as error:
        raise SampleError(f"{name}: no such picture") from error
    except IsADirectoryError as error:
        raise SampleError(f"{name}: is a folder; give a picture") from error
    except (TooLarge, TooSlow) as error:
        raise SampleError(f"{name}: {error}") from error
    except DECODER_ERRORS as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise SampleError(f"{name}: not a readable picture ({reason}); replace the file") from error


_LOCK = threading.Lock()
_wanted: list[int | None] = []
_before: list[int | None] = []


@contextmanager
def pillows_limit(pixels: int | None) -> Iterator[None]:
    """Inside, Pillow takes so many pixels for too many: it has one limit for all threads.

    None for any number: `load` knows more of what a picture takes, and says what to do.
    """
    with _LOCK:
        if not _wanted:
            _before[:] = [Image.MAX_IMAGE_PIXELS]
        _wanted.append(pixels)
        _set_limit()
    try:
        yield
    finally:
        with _LOCK:
            _wanted.remove(pixels)
            _set_limit()


def _set_limit() -> None:
    known = [limit for limit in _wanted or _before if limit is not None]
    Image.MAX_IMAGE_PIXELS = max(known) if len(known) == len(_wanted or _before) else None


def _of_other_kind(file: BinaryIO, head: bytes, name: str) -> Image.Image:
    remedy = heif.prepare(head)
    if remedy:
        raise SampleError(f"{name}: {remedy}")
    Image.init()
    image = _identified(file, OTHERS)
    if image is None:
        kind = describe(head)
        reason = f"this is {kind}" if kind else (
            "no whole picture of a kind that is read, such as JPEG, PNG, TIFF or WebP")
        raise SampleError(f"{name}: {reason}; replace the file")
    return image


def _identified(file: BinaryIO, kinds: tuple[str, ...]) -> Image.Image | None:
    """The picture in a file, if it is one of these kinds."""
    Image.preinit()
    file.seek(0)
    try:
        return Image.open(file, formats=[kind for kind in kinds if kind in Image.OPEN])
    except UnidentifiedImageError:
        return None


def _check_size(image: Image.Image, most: int | None) -> None:
    width, height = image.size
    most = most or largest_picture() // WEIGHTS.get(image.format or "", 1)
    if width * height > most:
        raise TooLarge(f"a picture of {width} x {height} pixels, and at most {most} are read of "
                       f"{image.format}; make it smaller, or give it more with --max-memory, 16 "
                       f"bytes a pixel ({VARIABLE} in the environment)")
    if max(width, height) > LONGEST_SIDE:
        raise TooLarge(f"a picture of {width} x {height} pixels, and at most {LONGEST_SIDE} a side "
                       "are read; cut it in parts")
