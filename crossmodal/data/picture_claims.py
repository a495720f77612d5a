"""What a picture file claims besides its pixels, looked at before a decoder believes it.

A few megabytes can hold thousands of tags that all name the same bytes, thousands of passes over
one large picture, or millions of parts: decoders follow them all.
"""

from __future__ import annotations

import os
import re
import struct
from typing import BinaryIO, Callable

from crossmodal.runtime.limits import TooLarge, check_claim

MOST_PARTS = 100_000  # of a file, each taking a decoder some microseconds
MOST_SCANS = 40  # of a JPEG: a progressive one has some ten
MOST_COMMENTS = 1 << 20  # bytes of a GIF's comments; some versions of Pillow join them one by one
MOST_OFFSETS = 100_000  # strips or tiles of a TIFF
OFFSETS = (273, 279, 324, 325)  # tags of a TIFF that list these
NESTED = (34665, 34853, 40965)  # tags that name another table of tags: Exif, GPS, Interop
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8,
         17: 8, 18: 8}  # bytes of a value, by its type
TIFF = re.compile(rb"II[*+]\0|MM\0[*+]")
SCAN, END, EXIF = 0xDA, 0xD9, 0xE1  # markers of a JPEG
MARKER = re.compile(rb"\xff([\xc0-\xcf\xd9-\xfe\x01-\x02])")


def check_structure(file: BinaryIO) -> None:
    """Raise TooLarge where a picture file claims too much work; else nothing is said of it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(16)
    for begins, check in CHECKS.items():
        if re.match(begins, head):
            file.seek(0)
            check(file, size)


def check_exif(data: bytes) -> None:
    """Raise TooLarge where the Exif data of a picture claims far more than there is of it."""
    at = 6 if data.startswith(b"Exif\0\0") else 0
    if TIFF.match(data, at):
        _check_tags(lambda start, length: data[at + start:at + start + length], len(data))


def _check_tiff(file: BinaryIO, size: int) -> None:
    def read(start: int, length: int) -> bytes:
        file.seek(start)
        return file.read(length)

    _check_tags(read, size)


def _check_tags(read: Callable[[int, int], bytes], size: int) -> None:
    """What the first table of tags, and those that it names, say that their values take."""
    head = read(0, 16)
    order, big = ("<" if head[:2] == b"II" else ">"), 43 in head[2:4]
    start = _number(head[8:16] if big else head[4:8], order)
    waiting, claimed, seen = [start], 0, 0
    while waiting and seen < 8:
        seen += 1
        claimed += _claimed_by(read, waiting.pop(), order, big, waiting)
        check_claim("what its tags name", claimed, size)


def _claimed_by(read: Callable[[int, int], bytes], start: int, order: str, big: bool,
                waiting: list[int]) -> int:
    """Bytes that the tags of a table name; the places of other tables are added to `waiting`."""
    wide, entry = 8 if big else 2, struct.Struct(order + ("HHQ8s" if big else "HHL4s"))
    count = _number(read(start, wide), order) if start < 2**62 else 0
    table = read(start + wide, min(count, MOST_PARTS + 1) * entry.size) if count else b""
    if count > MOST_PARTS and len(table) > MOST_PARTS * entry.size:
        raise TooLarge(f"it has {count} tags; at most {MOST_PARTS} are read; save it again")
    claimed = 0
    whole = len(table) // entry.size * entry.size
    for tag, kind, number, value in entry.iter_unpack(table[:whole]):
        size = number * SIZES.get(kind, 0)
        claimed += size if size > len(value) else 0
        if tag in OFFSETS and number > MOST_OFFSETS:
            raise TooLarge(f"it claims to lie in {number} strips or tiles; at most {MOST_OFFSETS} "
                           "are read; save it again")
        if tag in NESTED and size <= len(value):
            waiting.append(_number(value[:size], order))
    return claimed


def _number(data: bytes, order: str) -> int:
    return int.from_bytes(data, "little" if order == "<" else "big")


def _check_png(file: BinaryIO, size: int) -> None:
    """Every chunk costs Pillow some microseconds, however short it is."""
    most, count, at = MOST_PARTS + size // 4096, 0, 8
    while size > 12 * MOST_PARTS and at + 12 <= size:
        file.seek(at)
        at += 12 + _number(file.read(4), ">")
        count += 1
        _refuse_more("chunks", count, most)


def _check_jpeg(file: BinaryIO, size: int) -> None:
    """Parts before the picture, and passes over it: each may cost as much as decoding it all."""
    data = file.read()
    at, count, exif = 2, 0, []
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != SCAN:
        end = at + 2 + _number(data[at + 2:at + 4], ">") if data[at + 1] != 0xFF else at + 1
        if data[at + 1] == EXIF and data[at + 4:at + 10] == b"Exif\0\0":
            exif.append(data[at + 10:end])
        at, count = end, count + 1
        _refuse_more("parts before its picture", count, MOST_PARTS // 10)
    check_exif(b"".join(exif))
    if data.count(b"\xff\xda", at) > MOST_SCANS:
        _refuse_more("passes over its picture", _scans(data, at), MOST_SCANS)


def _scans(data: bytes, at: int) -> int:
    """Scans of the first picture of a JPEG, whose first begins at `at`."""
    count = 0
    while marker := MARKER.search(data, at):
        kind, at = marker[1][0], marker.end()
        count += kind == SCAN
        if kind == END or count > MOST_SCANS:
            break
        if kind > 2:
            at += max(_number(data[at:at + 2], ">"), 2)
    return count


def _check_gif(file: BinaryIO, size: int) -> None:
    """What stands before the first frame: comments and the like."""
    head = file.read(13)
    if len(head) == 13 and head[10] & 128:
        file.seek(3 << (head[10] & 7) + 1, os.SEEK_CUR)
    blocks = comments = 0
    while file.read(1) == b"!":
        is_comment = file.read(1) == b"\xfe"
        while length := _number(file.read(1), ">"):
            file.seek(length, os.SEEK_CUR)
            blocks, comments = blocks + 1, comments + length * is_comment
            _refuse_more("blocks before its picture", blocks, MOST_PARTS)
            _refuse_more("bytes of comments", comments, MOST_COMMENTS)


def _refuse_more(what: str, count: int, most: int) -> None:
    if count > most:
        raise TooLarge(f"it has more than {most} {what}; save it again")


CHECKS: dict[bytes, Callable[[BinaryIO, int], None]] = {
    rb"II[*+]\0|MM\0[*+]": _check_tiff, rb"\x89PNG": _check_png, rb"\xff\xd8": _check_jpeg,
    rb"GIF8": _check_gif}
