"""Which file a loading process reads: it is known even where the process dies of it.

Before a file is read, its path is noted in memory that the trainer sees. A picture that makes a
decoder crash costs that picture, like any other broken one: the next process leaves it out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Union

from crossmodal.data.errors import SampleError

PathLike = Union[str, "os.PathLike[str]"]
SIZE = 4096  # bytes of a note
_note: memoryview | None = None
_deadly: frozenset[str] = frozenset()


def note_in(place: memoryview, deadly: Iterable[str]) -> None:
    """From now on note files in `place`, SIZE bytes, and refuse those that killed a process."""
    global _note, _deadly
    _note, _deadly = place, frozenset(deadly)
    _write(b"")


@contextmanager
def in_hand(path: PathLike) -> Iterator[None]:
    """Note `path` while it is read. Raises SampleError where a process has died of it before."""
    if str(path) in _deadly:
        raise SampleError(f"{path}: a process that read it died of it; replace the file")
    if _note is None:
        yield
        return
    _write(os.fsencode(path))
    try:
        yield
    finally:
        _write(b"")


def noted(place: memoryview) -> str:
    """The file whose reading began last and has not ended; "" where there is none."""
    return os.fsdecode(bytes(place[2:2 + int.from_bytes(place[:2], "little")]))


def _write(name: bytes) -> None:
    if _note is not None and len(name) <= SIZE - 2:
        _note[2:2 + len(name)] = name
        _note[:2] = len(name).to_bytes(2, "little")
