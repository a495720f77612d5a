"""What Pix3D's ``pix3d.json`` says: which photo shows which model, and how well it is seen.

A list of objects with, among others (README of the owners' repository), ``img``
("img/chair/0001.png"), ``mask``, ``category``, ``model`` ("model/chair/IKEA_X/model.obj"),
``truncated``, ``occluded`` and ``slightly_occluded``. A few swivel chairs (IKEA_MARKUS, ...) come
as several files, ``model_<angles>.obj``, one a pose: they are one shape here, as in the authors'
lists, which name a shape by its folder.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from crossmodal.data.errors import DataError, some
from crossmodal.runtime.log import get_logger

logger = get_logger(__name__)

FLAGS = ("truncated", "occluded", "slightly_occluded")


@dataclass(frozen=True)
class Entry:
    """A photo of Pix3D; paths are relative to its folder."""

    key: str  # chair/0001
    category: str
    shape: str  # chair/IKEA_X
    image: str
    mask: str
    model: str
    flags: frozenset[str]  # those of FLAGS that are set


def read_entries(path: Path) -> list[Entry]:
    """The sound entries of ``pix3d.json``; others are named and counted in a warning.

    Raises DataError when the file is no such list, or has no sound entry.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable ({error}); unpack pix3d.zip again") from error
    if not isinstance(content, list):
        raise DataError(f"{path}: expected a list of photos, found {type(content).__name__}")
    found: dict[str, Entry] = {}
    bad = []
    for index, item in enumerate(content):
        try:
            entry = _entry(item)
            if entry.key in found:
                raise ValueError(f"a second {entry.image}")
            found[entry.key] = entry
        except (KeyError, TypeError, ValueError) as error:
            bad.append(f"entry {index}: {type(error).__name__}: {error}")
    if not found:
        raise DataError(f"{path}: no entry can be used, {some(bad, len(content), 'entries')}"
                        if bad else f"{path}: the list is empty")
    if bad:
        logger.warning("%s: left out, not usable: %s", path, some(bad, len(content), "entries"))
    return list(found.values())


def choose_models(entries: Iterable[Entry], source: Path) -> dict[str, Path]:
    """{shape: its mesh file}: ``model.obj`` where there is one, else the file named most often."""
    named: dict[str, Counter[str]] = {}
    for entry in entries:
        named.setdefault(entry.shape, Counter())[entry.model] += 1
    chosen = {}
    for shape, files in sorted(named.items()):
        usual, count = min(files.items(), key=lambda item: (-item[1], item[0]))
        plain = source / PurePosixPath(usual).with_name("model.obj")
        chosen[shape] = plain if plain.is_file() else source / usual
        if len(files) > 1:
            logger.info("%s: %d mesh files; taking %s", shape, len(files), chosen[shape].name)
    return chosen


def _entry(item: Any) -> Entry:
    """Raises KeyError, TypeError or ValueError for an entry that cannot be used."""
    image, mask, model = (_inside(item[name], name) for name in ("img", "mask", "model"))
    category = item["category"]
    if image.parts[0] != "img" or len(image.parts) < 2:
        raise ValueError(f"img {image} is not in img/")
    if not isinstance(category, str) or len(PurePosixPath(category).parts) != 1:
        raise ValueError(f"category {category!r}")
    if len(model.parts) < 2:
        raise ValueError(f"model {model} is not .../<instance>/<file>")
    return Entry(
        key=str(PurePosixPath(*image.parts[1:]).with_suffix("")),
        category=category,
        shape=f"{category}/{model.parts[-2]}",
        image=str(image),
        mask=str(mask),
        model=str(model),
        flags=frozenset(flag for flag in FLAGS if item.get(flag)),
    )


def _inside(value: Any, name: str) -> PurePosixPath:
    """A path that stays inside the folder it is relative to."""
    path = PurePosixPath(value)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{name} {value!r} is not a path inside the data set")
    return path
