"""Opcodes of a pickle that make a value of the bytes behind them: numbers and texts."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from typing import Any

from crossmodal.data.pickle_stream import LONGEST_NUMBER, BadPickle, Stream

LARGEST_INTEGER = 1024  # bytes of an integer; a larger one cannot be printed
BOOLEANS = {b"00": False, b"01": True}  # as protocol 0 writes them


def number(form: str) -> Callable[[Stream], Any]:
    """Reads one number of a `struct` form."""
    reader = struct.Struct(form)
    return lambda stream: reader.unpack(stream.take(reader.size))[0]


def counted(form: str, make: Callable[[bytes], Any]) -> Callable[[Stream], Any]:
    """Reads a length of a `struct` form, then so many bytes, and makes a value of them."""
    length = number(form)
    return lambda stream: make(stream.take(length(stream)))


def index(stream: Stream) -> int:
    """A number of the memo, written as text."""
    return int(stream.line(24))


def _integer(data: bytes) -> int:
    if len(data) > LARGEST_INTEGER:
        raise BadPickle(f"an integer of {len(data)} bytes; at most {LARGEST_INTEGER} are read")
    return int.from_bytes(data, "little", signed=True)


def _written_integer(stream: Stream) -> int:
    text = stream.line(LONGEST_NUMBER).strip()
    return BOOLEANS[text] if text in BOOLEANS else int(text.removesuffix(b"L"), 0)


def _written_float(stream: Stream) -> float:
    return float(stream.line(LONGEST_NUMBER))


def _quoted(stream: Stream) -> str:
    line = stream.line()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise BadPickle("a text without quotes")
    return codecs.escape_decode(line[1:-1])[0].decode("latin1")


def _latin1(data: bytes) -> str:
    return data.decode("latin1")  # what Python 2 wrote as byte strings, array bytes included


def _utf8(data: bytes) -> str:
    return str(data, "utf-8", "surrogatepass")


def _as_it_is(data: bytes) -> bytes:
    return data


VALUES: dict[bytes, Callable[[Stream], Any]] = {
    b"N": lambda _: None, b"\x88": lambda _: True, b"\x89": lambda _: False,
    b")": lambda _: (),
    b"I": _written_integer, b"L": _written_integer, b"F": _written_float,
    b"J": number("<i"), b"K": number("B"), b"M": number("<H"), b"G": number(">d"),
    b"\x8a": counted("B", _integer), b"\x8b": counted("<i", _integer),
    b"S": _quoted, b"T": counted("<i", _latin1), b"U": counted("B", _latin1),
    b"V": lambda stream: str(stream.line(), "raw-unicode-escape"),
    b"X": counted("<I", _utf8), b"\x8c": counted("B", _utf8), b"\x8d": counted("<Q", _utf8),
    b"B": counted("<I", _as_it_is), b"C": counted("B", _as_it_is),
    b"\x8e": counted("<Q", _as_it_is), b"\x96": counted("<Q", _as_it_is),
}
