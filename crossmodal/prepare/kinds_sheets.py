"""Contact sheets: every picture of a class with its id, to check a class map by eye."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from crossmodal.prepare.kinds_lists import Kinds, Parts, Split
from crossmodal.prepare.kinds_store import photo_path, view_paths

COLUMNS, ROWS = 14, 10  # tiles of a page
TILE = 108  # pixels a side of a picture
CAPTION = 24  # pixels below it
CHARACTERS = 17  # of a line of a caption


@dataclass(frozen=True)
class Tile:
    """A picture and up to two lines below it; `frame` is a colour's name."""

    picture: Path
    lines: Sequence[str]
    frame: str = "white"


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


def write_sheets(path: Path, tiles: Sequence[Tile]) -> list[Path]:
    """Write ``name.png``, ``name_2.png`` ... as many as it takes; older pages are removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in [path, *path.parent.glob(f"{path.stem}_[0-9]*{path.suffix}")]:
        old.unlink(missing_ok=True)
    pages = []
    for start in range(0, len(tiles), COLUMNS * ROWS):
        number = start // (COLUMNS * ROWS) + 1
        page = path if number == 1 else path.with_name(f"{path.stem}_{number}{path.suffix}")
        _page(tiles[start : start + COLUMNS * ROWS]).save(page)
        pages.append(page)
    return pages


def _views(folder: Path, key: str, parts: Parts, count: int) -> list[Tile]:
    names, frame = view_paths(key, count), _frame(key, parts)
    return [Tile(folder / name, key.split("/")[1:], frame) for name in names]


def _frame(item: str, parts: Parts) -> str:
    return "green" if item in parts.train else "red" if item in parts.test else "silver"


def _page(tiles: Sequence[Tile]) -> Image.Image:
    width, height = TILE + 4, TILE + 4 + CAPTION
    rows = -(-len(tiles) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * width, rows * height), "white")
    draw = ImageDraw.Draw(page)
    for index, tile in enumerate(tiles):
        left, top = index % COLUMNS * width, index // COLUMNS * height
        draw.rectangle((left, top, left + TILE + 3, top + TILE + 3), outline=tile.frame, width=2)
        with Image.open(tile.picture) as picture:
            small = ImageOps.pad(picture.convert("RGB"), (TILE, TILE), color="white")
        page.paste(small, (left + 2, top + 2))
        for line, text in enumerate(tile.lines):
            draw.text((left + 2, top + TILE + 3 + 11 * line), text[-CHARACTERS:], fill="black")
    return page
