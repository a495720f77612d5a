"""The ranked picture grid: a query a row, its best items beside it, right green, wrong red."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from crossmodal.runtime.atomic import atomic_write

SIDE = 112  # pixels of a picture
FRAME = 4
GAP = 8
LINE = 13  # pixels of a line of text
LINES = 2
HEAD = 20
RIGHT, WRONG, NEUTRAL = (30, 150, 60), (210, 45, 45), (170, 170, 170)
MISSING = (225, 225, 225)


@dataclass(frozen=True)
class Cell:
    """A picture (H, W, 3) or (H, W) uint8, or None if it is missing; its caption; is it right."""

    picture: np.ndarray | None
    caption: str = ""
    right: bool | None = None  # None: nobody knows, or it is the query


@dataclass(frozen=True)
class Row:
    """A query and its ranked items, best first."""

    query: Cell
    items: Sequence[Cell]


def draw_grid(rows: Sequence[Row], path: Path) -> Path:
    """Write the grid of `rows` as a PNG and return its path; rows may have different lengths."""
    columns = 1 + max((len(row.items) for row in rows), default=0)
    width, height = SIDE + 2 * FRAME + GAP, SIDE + 2 * FRAME + LINES * LINE + GAP
    sheet = Image.new("RGB", (columns * width + 2 * GAP, len(rows) * height + HEAD + GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for column in range(columns):
        title = "query" if column == 0 else str(column)
        pen.text((_left(column, width), 3), title, "black", _font(LINE))
    for y, row in enumerate(rows):
        for column, cell in enumerate([row.query, *row.items]):
            _draw_cell(sheet, pen, cell, _left(column, width), HEAD + y * height)
    with atomic_write(path) as file:
        sheet.save(file, "PNG")
    return Path(path)


def _left(column: int, width: int) -> int:
    """Left edge of a column; the query stands a little apart."""
    return GAP + column * width + (GAP if column else 0)


def _draw_cell(sheet: Image.Image, pen: Any, cell: Cell, x: int, y: int) -> None:
    outer = SIDE + 2 * FRAME
    colour = NEUTRAL if cell.right is None else RIGHT if cell.right else WRONG
    pen.rectangle((x, y, x + outer - 1, y + outer - 1), fill=colour)
    inside = (x + FRAME, y + FRAME)
    if cell.picture is None:
        pen.rectangle((*inside, inside[0] + SIDE - 1, inside[1] + SIDE - 1), fill=MISSING)
        pen.text((inside[0] + 8, inside[1] + SIDE // 2 - 8), "no picture", "black", _font(LINE))
    else:
        sheet.paste(thumbnail(cell.picture, SIDE), inside)
    for i, text in enumerate(cell.caption.split("\n")[:LINES]):
        pen.text((x, y + outer + i * LINE), _fit(text, outer), "black", _font(LINE - 3))


def thumbnail(picture: np.ndarray, side: int) -> Image.Image:
    """A (H, W, 3) or (H, W) uint8 picture, whole, on a white square of `side` pixels."""
    image = Image.fromarray(np.ascontiguousarray(picture)).convert("RGB")
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.BILINEAR)
    square = Image.new("RGB", (side, side), "white")
    square.paste(image, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def _fit(text: str, width: int) -> str:
    """The text, or as much of its end as fits: the end of an id tells more than its start."""
    font = _font(LINE - 3)
    if font.getlength(text) <= width:
        return text
    start = 1
    while start < len(text) and font.getlength("…" + text[start:]) > width:
        start += 1
    return "…" + text[start:]


@cache
def _font(size: int) -> Any:
    """DejaVu Sans, which comes with matplotlib and knows most alphabets."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / "DejaVuSans.ttf"), size)
