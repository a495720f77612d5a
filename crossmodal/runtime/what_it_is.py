"""What a file is that is not what its name says: a pointer, a web page, an archive."""

from __future__ import annotations

from pathlib import Path

BEGINNING = 512  # bytes that `describe` looks at
ZIP = "a zip archive; unpack it first"
ARCHIVES = {
    b"\x1f\x8b": "packed with gzip; unpack it first",
    b"PK\x03\x04": ZIP,
    b"PK\x05\x06": ZIP,
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it first",
    b"Rar!\x1a\x07": "a rar archive; unpack it first",
}
# What a file of this format is anyway; torch, too, saves zip archives.
RIGHTLY = dict.fromkeys((".npz", ".pth", ".pt", ".pkl", ".bin", ".ckpt", ".tar"), ZIP)


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
        with path.open("rb") as file:
            kind = describe(file.read(BEGINNING))
    except OSError:
        return None
    return None if kind == RIGHTLY.get(path.suffix.lower()) else kind
