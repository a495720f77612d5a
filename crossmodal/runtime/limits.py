"""How much memory a file may take: what it claims is checked here before it is believed.

A few bytes can claim an array of terabytes. Without ``--max-memory``, a file gets 256 MiB and 16
times its own size, and never more than half of the machine's memory.
"""

from __future__ import annotations

import argparse
import os
import re
from functools import cache
from pathlib import Path

VARIABLE = "CROSSMODAL_MAX_MEMORY"  # how `--max-memory` reaches worker processes; bytes
SHARE = 0.5  # of the machine's memory
ANY_FILE = 256 * 2**20  # bytes that the smallest file may claim
RATIO = 16  # and so many times its own size
LARGEST_PICTURE = 120_000_000  # pixels
PIXEL = 16  # bytes of memory that one takes while a picture is decoded
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class TooLarge(ValueError):
    """A file claims more than it may take; the message says how much, and what may be done."""


def add_memory_option(parser: argparse.ArgumentParser) -> None:
    """Add --max-memory, which counts from the moment it is read, here and in workers."""
    parser.add_argument("--max-memory", action=_Remember, type=memory_size, metavar="SIZE",
                        default=argparse.SUPPRESS,
                        help="memory that reading one file may take, such as 4G (default: 256 MiB "
                        "and 16 times the file's size, at most half of the machine's memory)")


class _Remember(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace,
                 values: object, option_string: str | None = None) -> None:
        os.environ[VARIABLE] = str(values)


def memory_size(text: str) -> int:
    """Bytes of ``512M`` or ``4G``."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([KMGT]?)(?:i?B)?", text.strip(), re.I)
    size = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if size < ANY_FILE // 4:
        raise argparse.ArgumentTypeError(f"expected a size from 64M on, such as 4G, not {text:.40}")
    return size


def max_memory() -> int:
    """Bytes that reading one file may take in any case: --max-memory, or half of the machine's."""
    given = os.environ.get(VARIABLE, "")
    return int(given) if given.isdecimal() else int(SHARE * machine_memory())


def is_given() -> bool:
    """Whether --max-memory is."""
    return os.environ.get(VARIABLE, "").isdecimal()


def allowed(file_size: int) -> int:
    """Bytes of memory for what is in a file of `file_size` bytes."""
    if is_given():
        return max_memory()
    return min(max_memory(), ANY_FILE + RATIO * file_size)


def largest_picture() -> int:
    """Pixels that a picture may have; 16 bytes of --max-memory for each where that is given."""
    return max_memory() // PIXEL if is_given() else LARGEST_PICTURE


def check_claim(what: str, claimed: int, file_size: int) -> None:
    """Raise TooLarge where `what` in a file of `file_size` bytes claims too many bytes of memory.

    The message does not name the file; its reader does.
    """
    limit = allowed(file_size)
    if claimed > limit:
        raise TooLarge(f"{what} would take {in_words(claimed)} of memory, and a file of "
                       f"{in_words(file_size)} may take {in_words(limit)}; if it is sound, give it "
                       f"more with --max-memory ({VARIABLE} in the environment)")


def in_words(count: int) -> str:
    """``1.5 GiB`` of a number of bytes, however large."""
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count * 10 // size / 10:.1f} {unit}" if count < 2**60 else "over 2^60 B"
    return f"{count} bytes"


@cache
def machine_memory() -> int:
    """Bytes of memory that this process may use: the machine's, its container's or its ulimit."""
    found = [2**33]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for place in _CGROUPS:
        try:
            text = Path(place).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdecimal() and int(text) > 0:
            found.append(int(text))
    try:
        import resource

        soft = resource.getrlimit(resource.RLIMIT_AS)[0]
        if soft != resource.RLIM_INFINITY:
            found.append(soft)
    except (ImportError, OSError, ValueError):  # Windows has none
        pass
    return min(found)
