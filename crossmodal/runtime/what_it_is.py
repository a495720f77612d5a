"""What a file is that is not what its name says: a pointer, a web page, an archive."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from pathlib import Path

from crossmodal.runtime.safe_files import open_regular

BEGINNING = 512  # bytes that `describe` looks at
ZIP = "a zip archive; unpack it first"
ARCHIVES = {
    b"\x1f\x8b": "packed with gzip; unpack it first",
    b"PK\x03\x04": ZIP,
    b"PK\x05\x06": ZIP,
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it first",
    b"Rar!\x1a\x07": "a rar archive; unpack it first",
}
OTHERS = {  # no archives, but never weights
    b"\x89PNG\r\n\x1a\n": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF-": "a PDF document",
    b"\x7fELF": "a program",
    b"MZ": "a program of Windows",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as Keras writes; save the weights as .npz",
    b"\x93NUMPY": "one .npy array; save the weights as .npz",
    b"SQLite format 3\0": "a SQLite data base",
    b"PAR1": "a Parquet table",
}
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
# The first line of a text that a pickle cannot begin with: its letters are opcodes.
_TEXT_LINE = re.compile(rb"\s*(?:[#\[{\"<%/-]|[A-Za-z_][\w.-]*:(?:\s|$))")
# What a file of this format is anyway; torch, too, saves zip archives.
RIGHTLY = dict.fromkeys((".3mf", ".npz", ".pth", ".pt", ".pkl", ".bin", ".ckpt", ".tar"), ZIP)


def describe(first_bytes: bytes) -> str | None:
    """What a file that begins so is, and what to do; None unless it is of a known other kind."""
    text = first_bytes[:BEGINNING].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"version https://git-lfs"):
        return "a git LFS pointer, not the file itself; run `git lfs pull` where it came from"
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page, not the file itself; download that"
    return next((kind for magic, kind in ARCHIVES.items() if first_bytes.startswith(magic)), None)


def describe_file(path: Path) -> str | None:
    """`describe` of a file, None too where its suffix is rightly of that kind, as .npz is a zip."""
    try:
        with open_regular(path) as file:
            kind = describe(file.read(BEGINNING))
    except OSError:
        return None
    return None if kind == RIGHTLY.get(path.suffix.lower()) else kind


def describe_other(path: Path) -> str | None:
    """`describe_file` of one that ought to hold weights, so pictures and texts are told too."""
    try:
        with open_regular(path) as file:
            first = file.read(BEGINNING)
    except OSError:
        return None
    found = describe_file(path) or next(
        (kind for magic, kind in OTHERS.items() if first.startswith(magic)), None)
    return "a text; name a file of weights" if not found and is_text(first) else found


def is_text(first_bytes: bytes) -> bool:
    """Whether a file that begins so is a plain text, and no pickle of Python's oldest protocol."""
    first = first_bytes.removeprefix(b"\xef\xbb\xbf")
    if not _TEXT_LINE.match(first) or _CONTROL.search(first):
        return False
    try:
        getincrementaldecoder("utf-8")().decode(first)  # which may end within a letter
    except UnicodeDecodeError:
        return False
    return True
