"""Miniature furniture sources: a .sh3f library and a prepared copy."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from small_items import box_obj, write_box

CATALOGUE = "PluginFurnitureCatalog.properties"
HEADER = "# catalogue\nid=Mini\nlicense=Public domain\n"
BED = """id#1=Mini#bed
name#1=Lit d\xe9mo
category#1=Living room
icon#1=/mini/bed.png
model#1=/mini/bed/bed.obj
width#1=100
depth#1=200
height#1=50
creator#1=Ada
"""
LAMP = """name#2=Lamp
category#2=Lights
icon#2=/mini/lamp.png
model#2=/mini/a%20lamp.obj
modelRotation#2=1 0 0 0 0 1 0 -1 0
width#2=10
depth#2=10
height#2=40
license#2=CC-BY
creator#2=Bob
"""


def icon(alpha: bool) -> bytes:
    """A red square of 10 pixels on a transparent or white frame of 20."""
    background = (0, 0, 0, 0) if alpha else (255, 255, 255, 255)
    image = Image.new("RGBA", (20, 20), background)
    image.paste((200, 30, 30, 255), (5, 5, 15, 15))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def write_library(path: Path, catalogue: str = HEADER + BED + LAMP) -> Path:
    """A library of a bed (200 deep along z) and a lamp that lies along z and is turned upright."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(CATALOGUE, catalogue.encode("iso-8859-1"))
        archive.writestr("mini/bed/bed.obj", box_obj((1, 1, 1)))
        archive.writestr("mini/a lamp.obj", box_obj((1, 1, 4)))
        archive.writestr("mini/bed.png", icon(alpha=True))
        archive.writestr("mini/lamp.png", icon(alpha=False))
    return path


def write_prepared(folder: Path, count: int = 5) -> Path:
    """A prepared copy of `count` boxes; the last two are the test shapes, 0 and 1 duplicates."""
    ids = [f"Mini_{index:04d}" for index in range(count)]
    records = [
        {"id": name, "name": "Box", "category": "Living room", "creator": "Ada", "license": "CC0"}
        for name in ids
    ]
    for index, name in enumerate(ids):
        write_box(folder / "mesh" / f"{name}.npz", (1, 1 + index, 2))
        (folder / "icon").mkdir(exist_ok=True)
        picture = np.full((40, 40, 3), 255, np.uint8)
        picture[10:30, 10 : 20 + index] = 40
        Image.fromarray(picture).save(folder / "icon" / f"{name}.jpg", quality=95)
    (folder / "meta.json").write_text(json.dumps(records))
    split = {"train": ids[:-2], "test": ids[-2:], "duplicates": [ids[:2]]}
    (folder / "split.json").write_text(json.dumps(split))
    return folder
