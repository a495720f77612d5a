"""Contact sheets: small pictures side by side, to see at a glance what there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from crossmodal.data.images import read_rgb

COLUMNS, ROWS = 14, 10  # tiles of a page
TILE = 108  # pixels a side of a picture
CAPTION = 24  # pixels below it
CHARACTERS = 17  # of a line of a caption


@dataclass(frozen=True)
class Tile:
    """A picture, a file or (H, W) uint8, and up to two lines below it; `frame` is a colour."""

    picture: Path | np.ndarray
    lines: Sequence[str]
    frame: str = "white"


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


def _page(tiles: Sequence[Tile]) -> Image.Image:
    width, height = TILE + 4, TILE + 4 + CAPTION
    rows = -(-len(tiles) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * width, rows * height), "white")
    draw = ImageDraw.Draw(page)
    for index, tile in enumerate(tiles):
        left, top = index % COLUMNS * width, index // COLUMNS * height
        draw.rectangle((left, top, left + TILE + 3, top + TILE + 3), outline=tile.frame, width=2)
        page.paste(_small(tile.picture), (left + 2, top + 2))
        for line, text in enumerate(tile.lines):
            draw.text((left + 2, top + TILE + 3 + 11 * line), text[-CHARACTERS:], fill="black")
    return page


def _small(picture: Path | np.ndarray) -> Image.Image:
    if isinstance(picture, np.ndarray):
        return ImageOps.pad(Image.fromarray(picture).convert("RGB"), (TILE, TILE), color="white")
    rgb = read_rgb(picture)
    return ImageOps.pad(Image.fromarray(rgb), (TILE, TILE), color="white")
