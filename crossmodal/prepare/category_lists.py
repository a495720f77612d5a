"""An instance-level data set as a category-level one: its photos labelled, its shapes not.

    python -m crossmodal.prepare.category_lists --root data/demo --name demo --output demo_category

Source pictures are those of ``<name>_train.json`` and ``<name>_test.json``, a picture's label is
its category; the classes are the training pictures' categories, shapes of others are left out.
Training shapes are those of ``rendering_<name>``; the gallery is the second library,
``<library>/rendering_shapenet<category>s``, whose shapes no picture shows. Writes
``<root>/<output>/``: ``view/<part>/<category>/<instance>/<k>.png`` (part: train or test),
``source_train.txt``, ``source_test.txt``, ``target_train.txt``, ``target_test.txt`` and
``classes.txt``. The target lists carry the true labels because the format has them; training does
not read those of ``target_train.txt``. Run it again to continue: what is there is not made again,
and a shape whose views cannot be read is named and left out of the lists.
"""
from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from crossmodal.config import DataConfig
from crossmodal.data.dataset import find_library
from crossmodal.data.errors import DataError, some
from crossmodal.data.records import QueryRecord, ShapeKey, read_list
from crossmodal.data.views import ViewStore, open_views, read_views
from crossmodal.prepare.list_files import ListItem, write_items, write_lines
from crossmodal.prepare.options import add_common_options, program_parser, run_program
from crossmodal.prepare.output import write_image
from crossmodal.prepare.runner import Item, Task, run
from crossmodal.prepare.source_home import data_set
from crossmodal.runtime.inside import inside
from crossmodal.runtime.options import add_whole
from crossmodal.runtime.worker_pool import keep_workers


@keep_workers()
def main(root: Path = Path("data/demo"), name: str = "demo", library: str = "shapenet4",
         output: str = "demo_category", views: int = 4, workers: int | None = None,
         redo: bool = False) -> Path:
    """Write the lists and the views as pictures; returns ``<root>/<output>``.

    views : of each shape, evenly spread over those it has
    """
    folder, given = data_set(root, output, "--output"), data_set(root, name)
    data_set(root, library, "--library")
    sides = {part: read_list(given / f"{name}_{part}.json") for part in ("train", "test")}
    classes = sorted({record.category for record in sides["train"]})
    _check_categories(sides["test"], classes, given / f"{name}_test.json")
    label = {category: number for number, category in enumerate(classes)}
    stores = {"train": open_views(given / f"rendering_{name}"),
              "test": find_library(DataConfig(root=str(root), library=library), classes)}
    for part, store in stores.items():
        keys = [key for key in store if key.category in label]
        keys = _store_views(store, keys, folder / "view" / part, views, workers, redo)
        write_items(folder / f"target_{part}.txt", _shapes(keys, part, label, views))
    for part, records in sides.items():
        write_items(folder / f"source_{part}.txt", _pictures(records, folder, label))
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


def _shapes(keys: Iterable[ShapeKey], part: str, label: Mapping[str, int],
            views: int) -> list[ListItem]:
    return [([f"view/{part}/{key}/{place}.png" for place in range(views)], label[key.category])
            for key in keys]


def _check_categories(records: Sequence[QueryRecord], classes: Sequence[str], path: Path) -> None:
    known = set(classes)
    new = [record.category for record in records if record.category not in known]
    if new:
        raise DataError(f"{path}: no training picture has the category of "
                        f"{some(new, len(records), 'test pictures')}; the classes are "
                        f"{', '.join(classes)}: remove these pictures, or train on some")


def _store_views(store: ViewStore, keys: Sequence[ShapeKey], folder: Path, views: int,
                 workers: int | None, redo: bool) -> list[ShapeKey]:
    """Write ``<category>/<instance>/<place>.png``; returns the sound shapes."""
    items = {str(key): Item(store.file(key), key._asdict()) for key in keys}
    manifest = run("category_lists", items, _write_views, folder, {"views": views}, workers, redo)
    by_name = {str(key): key for key in keys}
    return [by_name[name] for name in manifest.done(by_name)]


def _write_views(task: Task) -> dict[str, Any]:
    found = read_views(task.source, ShapeKey(**task.facts))
    places = spread(len(found), task.settings["views"])
    names = [f"{task.key}/{number}.png" for number in range(len(places))]
    for name, view in zip(names, found[places]):
        write_image(inside(task.out, name), view)
    return {"files": names}


def _parse() -> argparse.Namespace:
    parser = program_parser(__doc__)
    parser.add_argument("--root", type=Path, default=Path("data/demo"), help="folder of data sets")
    parser.add_argument("--name", default="demo", help="the instance-level data set")
    parser.add_argument("--library", default="shapenet4", help="folder of the second library")
    parser.add_argument("--output", default="demo_category", help="folder to write")
    add_whole(parser, "--views", 1, 1024, "views of each shape", 4)
    add_common_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_program(main, vars(_parse()))
