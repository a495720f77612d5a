"""What Pix3D's ``pix3d.json`` says: which photo shows which model, and how well it is seen.

A list of objects with, among others (README of the owners' repository), ``img``
("img/chair/0001.png"), ``mask``, ``category``, ``model`` ("model/chair/IKEA_X/model.obj"),
``truncated``, ``occluded`` and ``slightly_occluded``. A few swivel chairs (IKEA_MARKUS, ...) come
as several files, ``model_<angles>.obj``, one a pose: they are one shape here, as in the authors'
lists, which name a shape by its folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from crossmodal.data.errors import DataError
from crossmodal.prepare.annotation_files import inside, is_name, read_json, sound_entries
from crossmodal.runtime.brief import brief
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
    content = read_json(path, "unpack pix3d.zip again")
    if not isinstance(content, list):
        raise DataError(f"{path}: expected a list of photos, found {type(content).__name__}")
    rows = ((f"entry {index}", item) for index, item in enumerate(content))
    return sound_entries(rows, _entry, path, "entries")


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
    if not isinstance(item, dict):
        raise TypeError(f"expected an object, found {brief(item)}")
    image, mask, model = (inside(item[name], name) for name in ("img", "mask", "model"))
    category = item["category"]
    if image.parts[0] != "img" or len(image.parts) < 2:
        raise ValueError(f"img {brief(item['img'])} is not in img/")
    if not is_name(category):
        raise ValueError(f"category {brief(category)}")
    if len(model.parts) < 2:
        raise ValueError(f"model {brief(item['model'])} is not .../<instance>/<file>")
    return Entry(
        key=str(PurePosixPath(*image.parts[1:]).with_suffix("")),
        category=category,
        shape=f"{category}/{model.parts[-2]}",
        image=str(image),
        mask=str(mask),
        model=str(model),
        flags=frozenset(flag for flag in FLAGS if item.get(flag)),
    )
