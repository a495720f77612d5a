"""The JSON of a glTF file, looked at with care: any entry may be absent or of another kind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from reprlib import repr as shown  # shortened, whatever its size and depth
from typing import Any

import numpy as np

from crossmodal.geometry.errors import MeshError

MOST_ITEMS = 1_000_000  # of a list
SINGULAR = {"meshes": "mesh"}


@dataclass(frozen=True)
class Entry:
    """One object of the JSON, such as ``accessor 3``; every getter raises MeshError by that name.

    path : of the file; values : the object as it stands there
    """

    path: Path
    name: str
    values: dict[str, Any]

    def error(self, why: str) -> MeshError:
        """To be raised: which file, which of its entries, why."""
        return MeshError(f"{self.path}: {self.name} {why}")

    def whole(self, key: str, default: int | None = None) -> int:
        """A whole number from 0; without `default` it must be there."""
        value = self.values.get(key, default)
        number = as_whole(value)
        if number is None:
            raise self.error(f"has the {key} {shown(value)}; export the file again")
        return number

    def text(self, key: str) -> str | None:
        """A text; None where the key is absent."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise self.error(f"has the {key} {shown(value)}, which is no text")
        return value

    def numbers(self, key: str, count: int | None = None) -> np.ndarray | None:
        """(count,) float64, all finite; None where the key is absent."""
        if key not in self.values:
            return None
        values = self.items(key)
        plain = all(isinstance(value, (int, float)) and abs(value) < 1e300 for value in values)
        if not plain or count not in (None, len(values)):
            raise self.error(f"has the {key} {shown(values)}, not {count or 'only'} numbers; "
                             "export the file again")
        return np.array(values, np.float64)

    def items(self, key: str) -> list[Any]:
        """A list; an absent one is empty."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            raise self.error(f"has {key} that are no list, as in glTF 1; export it as glTF 2.0")
        if len(value) > MOST_ITEMS:
            raise self.error(f"has {len(value)} {key}, and at most {MOST_ITEMS} are read; export "
                             "it in parts")
        return value

    def wholes(self, key: str) -> list[int]:
        """A list of whole numbers from 0; an absent one is empty."""
        numbers = [as_whole(value) for value in self.items(key)]
        if None in numbers:
            raise self.error(f"has {key} that are no whole numbers: {shown(self.values[key])}")
        return [number for number in numbers if number is not None]

    def part(self, key: str) -> Entry | None:
        """The object of a key, None where it is absent."""
        if key not in self.values:
            return None
        return self._object(self.values[key], f"{key} of {self.name}")

    def parts(self, key: str) -> list[Entry]:
        """The objects in a list; an absent one is empty."""
        return [self._object(value, f"{key[:-1]} {number} of {self.name}")
                for number, value in enumerate(self.items(key))]

    def extension(self, *names: str) -> Entry | None:
        """The first of these extensions that the entry has, if any."""
        extensions = self.part("extensions")
        if extensions is None:
            return None
        for name in names:
            if name in extensions.values:
                return self._object(extensions.values[name], f"{name} of {self.name}")
        return None

    def _object(self, value: Any, name: str) -> Entry:
        if not isinstance(value, dict):
            raise self.error(f"is broken: {name} is no object; export the file again")
        return Entry(self.path, name, value)


@dataclass(frozen=True)
class Document:
    """What a file declares, and the binary data that it brings along itself.

    root : the whole JSON; size : of the file, in bytes
    binary : the binary chunk of a .glb; trailing : bytes after the end that it declares
    """

    path: Path
    root: Entry
    size: int
    binary: memoryview | None = None
    trailing: int = 0

    def entry(self, kind: str, index: Any, wanted_by: Entry) -> Entry:
        """Number `index` of ``accessors``, ``nodes`` ...; MeshError by the name of who wants it."""
        number = as_whole(index)
        entries = self.root.items(kind)
        name = SINGULAR.get(kind, kind[:-1])
        if number is None or number >= len(entries):
            raise wanted_by.error(
                f"names {name} {shown(index)}, there are {len(entries)}; export the file again"
            )
        if not isinstance(entries[number], dict):
            raise self.root.error(f"is broken: {name} {number} is no object; export it again")
        return Entry(self.path, f"{name} {number}", entries[number])

    def count(self, kind: str) -> int:
        """How many ``accessors``, ``nodes`` ... there are."""
        return len(self.root.items(kind))

    @cached_property
    def required(self) -> set[str]:
        """Names of the extensions without which the file cannot be read rightly."""
        return {str(name) for name in self.root.items("extensionsRequired")}


def as_whole(value: Any) -> int | None:
    """A whole number from 0, also where it is written as 3.0; None for anything else."""
    if isinstance(value, float) and value.is_integer() and value >= 0:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

