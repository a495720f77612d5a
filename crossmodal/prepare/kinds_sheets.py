"""Contact sheets: every picture of a class with its id, to check a class map by eye."""

from __future__ import annotations

from pathlib import Path

from crossmodal.prepare.contact_sheet import Tile, write_sheets
from crossmodal.prepare.kinds_lists import Kinds, Parts, Split
from crossmodal.prepare.kinds_store import photo_path, view_paths


def write_contact_sheets(folder: Path, kinds: Kinds, split: Split, views: int) -> None:
    """``contact/<class>.png`` and ``contact/distractors.png``.

    A class's photos, then its shapes from two sides; green trains, red tests, gray is in no list.
    """
    nowhere = Parts([], [])
    sides = min(views, 2)
    for name, photos in kinds.photos.items():
        of_photos, of_shapes = split.get(name, (nowhere, nowhere))
        tiles = [
            Tile(folder / photo_path(photo), photo.split("/")[1:], _frame(photo, of_photos))
            for photo in photos
        ]
        for key in kinds.shapes[name]:
            tiles += _views(folder, key, of_shapes, sides)
        write_sheets(folder / "contact" / f"{name}.png", tiles)
    others = [tile for key in kinds.distractors for tile in _views(folder, key, nowhere, 1)]
    write_sheets(folder / "contact" / "distractors.png", others)


def _views(folder: Path, key: str, parts: Parts, count: int) -> list[Tile]:
    names, frame = view_paths(key, count), _frame(key, parts)
    return [Tile(folder / name, key.split("/")[1:], frame) for name in names]


def _frame(item: str, parts: Parts) -> str:
    return "green" if item in parts.train else "red" if item in parts.test else "silver"
