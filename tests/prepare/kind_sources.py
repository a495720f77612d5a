"""Miniature sources of the class-level data set: photos of two kinds, boxes, a class map."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image
from small_items import write_box

CLASS_MAP = """
classes:
  table:
    photos: [ikea/table, caltech/tables]
    shapes: [table, desk]
  lamp:
    photos: [ikea/lamp]
    shapes: [lamp, desk lamp]
    shape_ids: [odd]
  bed:
    photos: [ikea/bed]
    shapes: [bed]
left_out:
  photos: [ikea/table/Table top, ikea/lamp_1]
  shapes: [bar table]
distractors:
  shapes: [table fan]
alike:
  - [table_2, table_3]
"""


def write_photo(path: Path, shade: int, size: tuple[int, int] = (40, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, 90, 40)).save(path, quality=95)


def write_sources(folder: Path) -> dict:
    """Photos and shapes of 14 and 6 tables, 7 and 6 lamps, one bed, and others; the options."""
    labels = {f"lamp_{i}": {"type": "Lamp", "category": "lamp"} for i in range(8)}
    labels |= {f"table_{i}": {"type": "Table", "category": "table"} for i in range(8)}
    labels |= {"top": {"type": "Table top", "category": "table"}}
    labels |= {"bed": {"type": "Bed", "category": "bed"}}
    for index, name in enumerate(labels):
        write_photo(folder / "photos" / "photo" / f"{name}.jpg", 8 * index)
    (folder / "photos" / "labels.json").write_text(json.dumps(labels))
    for index in range(6):
        write_photo(folder / "folders" / "tables" / f"image_{index}.jpg", 200 + 8 * index)
    write_photo(folder / "folders" / "cats" / "image_0.jpg", 5)
    names = {f"table_{i}": ("Desk" if i else "Big table") for i in range(6)}
    names |= {f"lamp_{i}": "Desk lamp" for i in range(5)}
    names |= {"odd": "Thing", "fan": "Table fan", "cat": "Cat", "bar": "Bar table", "bed": "Bed"}
    for index, name in enumerate(names):
        write_box(folder / "shapes" / "mesh" / f"{name}.npz", (1, 1 + index / 4, 1.5))
    records = [
        {"id": key, "name": name, "category": "room", "creator": "Ada", "license": "CC0"}
        for key, name in names.items()
    ]
    (folder / "shapes" / "meta.json").write_text(json.dumps(records))
    duplicates = {"duplicates": [["table_0", "table_1"]]}
    (folder / "shapes" / "split.json").write_text(json.dumps(duplicates))
    (folder / "map.yaml").write_text(CLASS_MAP)
    return {
        "photos_ikea": folder / "photos",
        "photos_caltech": folder / "folders",
        "shapes": [folder / "shapes"],
        "class_map": folder / "map.yaml",
    }
