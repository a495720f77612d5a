"""Small good files made bad: bytes, numbers, lines and json values changed, by number of the draw.

`mutated(data, n)` is the same for the same arguments, on any machine.
"""

from __future__ import annotations

import json
import random
import re
import struct
from typing import Any, Callable

Mutation = Callable[[bytes, random.Random], bytes]
TEXT_NUMBERS = [b"", b"-1", b"0", b"1", b"255", b"65536", b"2147483648", b"4294967295",
                b"9223372036854775807", b"99999999999999999999", b"1e308", b"-1e400", b"nan",
                b"1.5", b"0x10", b"1_0", b"9" * 5000, b"\xff", b"../x", b"[[]]", b"null"]
WORDS = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**31 - 8,
         2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
VALUES: list[Any] = [
    None, True, -1, 0, 1.5, 10**30, 1e308, "", "x", "../../victim", "/etc/hostname", "a\0b", "nul",
    "x" * 5000, [], {}, [[]], [None], {"a": {}}, [1, "2"], "é\ud800"]
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


def flip(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8])):
        changed[rng.randrange(len(changed))] = rng.choice([rng.randrange(256), 0, 255, 0x80])
    return bytes(changed)


def cut(data: bytes, rng: random.Random) -> bytes:
    """The end lost."""
    return data[:rng.randrange(len(data))]


def remove(data: bytes, rng: random.Random) -> bytes:
    """Some bytes lost."""
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice([1, 2, 4, 8, rng.randrange(1, 64)]):]


def insert(data: bytes, rng: random.Random) -> bytes:
    """Some bytes more: random ones, a piece of the file, or one byte again and again."""
    at, start = rng.randrange(len(data) + 1), rng.randrange(len(data))
    size = rng.choice([1, 2, 4, 64, 1000])
    piece = rng.choice([rng.getrandbits(8 * size).to_bytes(size, "little"),
                        data[start:start + size], data[start:start + 1] * size])
    return data[:at] + piece * rng.choice([1, 1, 3, 50]) + data[at:]


def word(data: bytes, rng: random.Random) -> bytes:
    """A binary number of 2, 4 or 8 bytes replaced by one at an end of its range."""
    size, code = rng.choice([(2, "H"), (4, "I"), (8, "Q")])
    at = rng.randrange(max(1, len(data) - size))
    value = rng.choice(WORDS) % 2 ** (8 * size)
    return data[:at] + struct.pack(rng.choice("<>") + code, value) + data[at + size:]


def number(data: bytes, rng: random.Random) -> bytes:
    """A number that is written as text replaced."""
    places = list(NUMBER.finditer(data))
    if not places:
        return flip(data, rng)
    place = rng.choice(places)
    return data[:place.start()] + rng.choice(TEXT_NUMBERS) + data[place.end():]


def lines(data: bytes, rng: random.Random) -> bytes:
    """Two lines swapped, or one many times."""
    found = data.split(b"\n")
    first, second = rng.randrange(len(found)), rng.randrange(len(found))
    if rng.random() < 0.5:
        found[first] = b"\n".join([found[first]] * rng.choice([2, 20, 500]))
    else:
        found[first], found[second] = found[second], found[first]
    return b"\n".join(found)


def value(data: bytes, rng: random.Random) -> bytes:
    """A value of a json text, at any depth, replaced, removed or put under another name."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return number(data, rng)
    places = list(_places(tree))
    if not places:
        return json.dumps(rng.choice(VALUES)).encode()
    inside, key = rng.choice(places)
    what = rng.random()
    if what < 0.7:
        inside[key] = rng.choice(VALUES)
    elif what < 0.85 or not isinstance(inside, dict):
        del inside[key]
    else:
        inside[rng.choice(["x", "", "../x", "format", "__metadata__"])] = inside.pop(key)
    return json.dumps(tree).encode()


def _places(tree: Any) -> Any:
    """(container, key) of every value in a tree."""
    if isinstance(tree, (dict, list)):
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            yield tree, key
            yield from _places(tree[key])


MUTATIONS: list[Mutation] = [flip, cut, remove, insert, word, number, lines, value]


def mutated(data: bytes, draw: int) -> bytes:
    """The file after one to three changes, which the number of the draw decides."""
    rng = random.Random(draw)  # noqa: S311 - no secret
    for _ in range(rng.choice([1, 1, 2, 3])):
        data = rng.choice(MUTATIONS)(data, rng) if data else data
    return data
