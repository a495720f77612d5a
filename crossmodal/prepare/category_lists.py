"""An instance-level data set as a category-level one: its photos labelled, its shapes not.

    python -m crossmodal.prepare.category_lists --root data/demo --name demo --output demo_category

Source pictures are those of ``<name>_train.json`` and ``<name>_test.json``, a picture's label is
its category. Training shapes are those of ``rendering_<name>``; the gallery is the second library,
``<library>/rendering_shapenet<category>s``, whose shapes no picture shows. Writes
``<root>/<output>/``: ``view/<category>/<instance>/<k>.png``, ``source_train.txt``,
``source_test.txt``, ``target_train.txt``, ``target_test.txt`` and ``classes.txt``.
"""
from __future__ import annotations

import argparse
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from crossmodal.config import DataConfig
from crossmodal.data.dataset import open_library
from crossmodal.data.errors import DataError
from crossmodal.data.records import QueryRecord, read_list
from crossmodal.data.views import ViewStore, open_views
from crossmodal.prepare.list_files import ListItem, write_items, write_lines
from crossmodal.prepare.output import write_bytes


def main(root: Path = Path("data/demo"), name: str = "demo", library: str = "shapenet4",
         output: str = "demo_category", views: int = 4) -> Path:
    """Write the lists and the views as pictures; returns ``<root>/<output>``.

    views : of each shape, evenly spread over those it has
    """
    folder, given = Path(root) / output, Path(root) / name
    sides = {part: read_list(given / f"{name}_{part}.json") for part in ("train", "test")}
    store = open_views(given / f"rendering_{name}")
    classes = sorted({record.category for record in sides["train"]})
    label = {category: number for number, category in enumerate(classes)}
    others = open_library(DataConfig(root=str(root), name=name, library=library), classes)
    for part, records in sides.items():
        write_items(folder / f"source_{part}.txt", _pictures(records, folder, label))
    for part, shapes in (("train", store), ("test", others)):
        write_items(folder / f"target_{part}.txt", _shapes(shapes, part, folder, label, views))
    write_lines(folder / "classes.txt", classes)
    return folder


def spread(count: int, wanted: int) -> list[int]:
    """Places of ``wanted`` views, evenly spread over ``count``; DataError if there are too few."""
    if wanted > count:
        raise DataError(f"{wanted} views are wanted of each shape, and the renders have {count}")
    return [count * k // wanted for k in range(wanted)]


def _pictures(records: Iterable[QueryRecord], folder: Path, label: Mapping[str, int]
              ) -> list[ListItem]:
    return [([Path(os.path.relpath(record.image, folder)).as_posix()], label[record.category])
            for record in records]


def _shapes(store: ViewStore, part: str, folder: Path, label: Mapping[str, int],
            views: int) -> list[ListItem]:
    """Every shape's views, which are written as pictures."""
    items: list[ListItem] = []
    keys = [key for key in store if key.category in label]
    for key in tqdm(keys, desc=f"views, {part}", unit="shape", leave=False):
        names = [f"view/{part}/{key}/{place}.png" for place in range(views)]
        for name, view in zip(names, store[key][spread(len(store[key]), views)]):
            write_bytes(folder / name, _png(view))
        items.append((names, label[key.category]))
    return items


def _png(view: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(view).save(file, "PNG")
    return file.getvalue()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path("data/demo"), help="folder of data sets")
    parser.add_argument("--name", default="demo", help="the instance-level data set")
    parser.add_argument("--library", default="shapenet4", help="folder of the second library")
    parser.add_argument("--output", default="demo_category", help="folder to write")
    parser.add_argument("--views", type=int, default=4, help="views of each shape")
    return parser.parse_args()


if __name__ == "__main__":
    main(**vars(_parse()))
