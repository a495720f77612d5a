"""Annotations that others wrote: a file is read or named, an entry is sound or costs itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, TypeVar

from crossmodal.data.errors import DataError
from crossmodal.runtime import inside as names
from crossmodal.runtime import safe_files
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.inside import OutsideError
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.os_errors import why

logger = get_logger(__name__)

LONGEST = 10_000  # letters of a text
HOPELESS = 100_000  # bad rows without a sound one, after which no more are looked at


class Keyed(Protocol):
    """An entry about a photo."""

    @property
    def key(self) -> str: ...

    @property
    def image(self) -> str: ...


Row = TypeVar("Row")
Entry = TypeVar("Entry", bound=Keyed)


def read_json(path: Path, remedy: str) -> Any:
    """What is in a json file, with or without a byte order mark.

    Raises DataError, ending with `remedy`, for a file that is no such thing.
    """
    try:
        return safe_files.read_json(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable json file ({why(error)}); {remedy}") from error


def sound_entries(
    rows: Iterable[tuple[str, Any]], make: Callable[[Any], Entry], path: Path, what: str
) -> list[Entry]:
    """`sound_rows` of which no two have one key."""
    found: dict[str, Entry] = {}

    def make_new(row: Any) -> Entry:
        entry = make(row)
        if found.setdefault(entry.key, entry) is not entry:
            raise ValueError(f"a second {entry.image}")
        return entry

    return sound_rows(rows, make_new, path, what)


def sound_rows(
    rows: Iterable[tuple[str, Any]], make: Callable[[Any], Row], path: Path, what: str
) -> list[Row]:
    """What `make` makes of the rows, (where, content); the others are named in a warning.

    make : raises KeyError, TypeError, AttributeError or ValueError for a row that cannot be used
    Raises DataError when there is not one sound row in the file `path`.
    """
    found: list[Row] = []
    first, lost = "", 0
    for where, row in rows:
        try:
            found.append(make(row))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            lost += 1
            first = first or f"{one_line(where, 80)}: {_reason(error)}"
            if lost >= HOPELESS and not found:
                break
    told = f"{lost} of {lost + len(found)} {what} (first: {first})"
    if not found:
        raise DataError(f"{path}: not one can be used, {told}" if lost
                        else f"{path}: it has no {what}")
    if lost:
        logger.warning("%s: left out, not usable: %s", path, told)
    return found


def text(table: Any, key: str) -> str:
    """The text under `key` in a row. Raises KeyError, TypeError or ValueError: there is none."""
    if not isinstance(table, dict):
        raise TypeError(f"expected an object with \"{key}\", found {brief(table)}")
    if not isinstance(table[key], str):
        raise TypeError(f"\"{key}\" is {brief(table[key])}, not a text")
    if len(table[key]) > LONGEST:
        raise ValueError(f"\"{key}\" has {len(table[key])} letters; at most {LONGEST} are read")
    return str(table[key])


def inside(value: Any, name: str) -> PurePosixPath:
    """A path that stays inside the folder it is relative to; else ValueError."""
    try:
        names.inside("", value, links=True)
    except OutsideError as error:
        raise ValueError(f"{name} is not a path inside the data set: {error}") from error
    return PurePosixPath(value)


def name_of(value: Any, what: str) -> str:
    """The name of one file or folder; else ValueError."""
    try:
        return names.plain_name(value)
    except OutsideError as error:
        raise ValueError(f"{what}: {error}") from error


def is_name(value: Any) -> bool:
    """Is it the name of one file or folder?"""
    try:
        names.plain_name(value)
    except OutsideError:
        return False
    return True


def _reason(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {one_line(str(error), 300)}", 330)
