"""The classes of a data set, however a copy of it spells them: ``flower_pot``, ``Flower Pot``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from crossmodal.data.errors import DataError, some
from crossmodal.data.walk import is_hidden


def labels_of(classes: Sequence[str]) -> dict[str, int]:
    """{plain name: label}; look a name up with `label`."""
    return {_plain(name): number for number, name in enumerate(classes)}


def label(labels: Mapping[str, int], name: str) -> int | None:
    """The label of a class, whatever its case, spaces, hyphens and underscores; or None."""
    return labels.get(_plain(name))


def class_folders(folder: Path, classes: Sequence[str]) -> dict[int, list[Path]]:
    """The folders of each class that has one, by label; two spellings of one class are joined.

    Raises DataError for folders of no class.
    """
    labels = labels_of(classes)
    found: dict[int, list[Path]] = {}
    strange = []
    children = [child for child in sorted(folder.iterdir())
                if child.is_dir() and not is_hidden(child.name)
                and not child.name.startswith("__")]
    for child in children:
        number = label(labels, child.name)
        if number is None:
            strange.append(child.name)
        else:
            found.setdefault(number, []).append(child)
    if strange:
        raise DataError(
            f"{folder}: no such class: {some(strange, len(children), 'folders')}; the classes are "
            f"{', '.join(classes)}. Is it the right data set, the right --set? Move others away"
        )
    return found


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())
