"""Lists in the released format: one ``path label`` a line, a shape's views on consecutive lines."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from crossmodal.data.errors import SampleError
from crossmodal.prepare.output import write_bytes

ListItem = tuple[Sequence[str], int]  # paths of an item's pictures, its label


def refuse_unlistable(name: str) -> None:
    """Raises SampleError for a path that a list could not hold."""
    broken = name != name.strip() or "\n" in name or "\r" in name
    if broken or any("\ud800" <= letter <= "\udfff" for letter in name):  # no UTF-8
        raise SampleError(f"{name!r}: such a name cannot stand in a list; rename the file")


def write_items(path: Path, items: Iterable[ListItem]) -> None:
    """A list, whole or not at all."""
    write_lines(path, (f"{name} {label}" for names, label in items for name in names))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """A text file of these lines."""
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode())
