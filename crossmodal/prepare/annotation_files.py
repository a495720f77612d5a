"""Annotations that others wrote: a file is read or named, an entry is sound or costs itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, TypeVar

from crossmodal.data.errors import DataError, some
from crossmodal.runtime.log import get_logger

logger = get_logger(__name__)

LONGEST = 255  # bytes of a name, on common file systems


class Keyed(Protocol):
    """An entry about a photo."""

    @property
    def key(self) -> str: ...

    @property
    def image(self) -> str: ...


Entry = TypeVar("Entry", bound=Keyed)


def read_json(path: Path, remedy: str) -> Any:
    """What is in a json file, with or without a byte order mark.

    Raises DataError, ending with `remedy`, for a file that is no such thing.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a readable json file ({error}); {remedy}") from error


def sound_entries(
    rows: Iterable[tuple[str, Any]], make: Callable[[Any], Entry], path: Path, what: str
) -> list[Entry]:
    """What `make` makes of the rows, (where, content); the others are named in a warning.

    make : raises KeyError, TypeError or ValueError for a row that cannot be used
    Raises DataError when there is not one sound row in the file `path`.
    """
    found: dict[str, Entry] = {}
    bad, total = [], 0
    for where, row in rows:
        total += 1
        try:
            entry = make(row)
            if entry.key in found:
                raise ValueError(f"a second {entry.image}")
            found[entry.key] = entry
        except (KeyError, TypeError, ValueError) as error:
            bad.append(f"{where}: {type(error).__name__}: {error}")
    if not found:
        raise DataError(f"{path}: not one can be used, {some(bad, total, what)}" if bad
                        else f"{path}: it has no {what}")
    if bad:
        logger.warning("%s: left out, not usable: %s", path, some(bad, total, what))
    return list(found.values())


def inside(value: Any, name: str) -> PurePosixPath:
    """A path that stays inside the folder it is relative to; else ValueError or TypeError."""
    path = PurePosixPath(value)
    if not path.parts or path.is_absolute() or ".." in path.parts or not nameable(value):
        raise ValueError(f"{name} {value!r:.80} is not a path inside the data set")
    return path


def is_name(value: Any) -> bool:
    """Is it the name of one file or folder?"""
    return (isinstance(value, str) and value not in ("", "..") and nameable(value)
            and PurePosixPath(value).name == value)


def nameable(path: str) -> bool:
    """Can a file have such a path?"""
    try:
        return "\0" not in path and all(len(os.fsencode(p)) <= LONGEST for p in path.split("/"))
    except UnicodeEncodeError:
        return False
