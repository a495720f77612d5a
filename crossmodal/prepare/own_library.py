"""A data set of your own meshes: pictures rendered from all of them train, a few of them test.

    python -m crossmodal.prepare.own_library --meshes my_meshes --root data --name mine

Writes ``<root>/<name>/``: ``photo/`` (pictures with masks), ``rendering_<name>/`` (views),
``model_std_ptc10k_npy/``, ``model_std_bin128/``, ``<name>_train.json`` and ``<name>_test.json``,
for configs/own_library.yaml. The gallery is all shapes; of each, the last --held-out pictures test,
which says how well rendered pictures are told apart, not yet how well your photos will be.

Photos of your own go into the lists as further entries, and may be the whole test list:
{"img": "my_photos/1.jpg", "mask": "my_photos/1.png", "category": "chair",
"model": "chair/oslo/model"}; paths from the data set's folder, the mask may be left out, the shape
is the second-last part of "model". They stay when this program runs again.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossmodal.data.errors import DataError
from crossmodal.prepare.annotation_files import read_json
from crossmodal.prepare.furniture_store import SHAPE_STEPS, make_shapes
from crossmodal.prepare.items import find_items
from crossmodal.prepare.options import (
    add_common_options,
    add_mesh_options,
    program_parser,
    run_program,
)
from crossmodal.prepare.output import write_json
from crossmodal.prepare.render_photos import photo_names, photo_record, render_photos
from crossmodal.prepare.runner import Item
from crossmodal.prepare.shape_store import count_views
from crossmodal.prepare.source_home import data_set
from crossmodal.runtime.brief import brief
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.options import add_number, add_seed, add_whole
from crossmodal.runtime.worker_pool import keep_workers

logger = get_logger(__name__)

FLAT = "shape"  # category of meshes that lie in no folder of their own
PHOTOS = "photo"  # folder of the pictures that are rendered


@keep_workers()
def main(
    meshes: Path,
    root: Path = Path("data"),
    name: str = "mine",
    photos: int = 12,
    held_out: int = 2,
    size: int = 224,
    room_share: float = 0.2,
    steps: Sequence[str] = SHAPE_STEPS,
    seed: int = 0,
    workers: int | None = None,
    redo: bool = False,
    layout: str = "auto",
    up: str | None = None,
) -> Path:
    """Make the data set; returns ``<root>/<name>``.

    photos : pictures of each shape, the last `held_out` of which test
    Raises DataError where none is left to train or to test with, or no mesh can be used.
    """
    if not 0 < held_out < photos:
        raise DataError(f"--photos {photos} --held-out {held_out}: some pictures of a shape must "
                        "test, and others train")
    folder = data_set(root, name)
    found = find_items(Path(meshes), layout, up).items
    shapes = {key if "/" in key else f"{FLAT}/{key}": item for key, item in found.items()}
    make_shapes(shapes, folder, name, size, steps, workers, redo)
    sources = {key: (item, photos) for key, item in shapes.items()}
    render_photos(sources, folder / PHOTOS, size, room_share, seed, workers, redo)
    usable = _usable(shapes, folder, name, photos, "views" in steps)
    if not usable:
        raise DataError(f"{meshes}: no mesh in it has all its pictures and views; see "
                        f"{folder / PHOTOS / 'manifest.json'} for the reasons")
    if "views" in steps:
        count_views(folder / f"rendering_{name}", usable)
    train = range(photos - held_out)
    _write_list(folder / f"{name}_train.json", usable, train)
    _write_list(folder / f"{name}_test.json", usable, range(photos - held_out, photos))
    logger.info("%d of %d shapes: %d pictures train, %d test -> %s", len(usable), len(shapes),
                len(usable) * len(train), len(usable) * held_out, folder)
    return folder


def _usable(shapes: Mapping[str, Item], folder: Path, name: str, photos: int,
            with_views: bool) -> list[str]:
    """Keys of the shapes whose pictures and views are all there."""
    def is_whole(key: str) -> bool:
        files = [folder / PHOTOS / part for i in range(photos) for part in photo_names(key, i)]
        if with_views:
            files.append(folder / f"rendering_{name}" / f"{key}.npy")
        return all(file.is_file() for file in files)

    return [key for key in sorted(shapes) if is_whole(key)]


def _write_list(path: Path, keys: Sequence[str], indices: range) -> None:
    """The list of these pictures of every shape, and of what its user has added to it."""
    records = [photo_record(key, index, PHOTOS) for key in keys for index in indices]
    write_json(path, records + _added(path))


def _added(path: Path) -> list[Any]:
    """Entries of an earlier list that are none of ours."""
    if not path.exists():
        return []
    remedy = "mend it, or move it away"
    entries = read_json(path, remedy)
    if not isinstance(entries, list):
        raise DataError(f"{path}: not a list of entries with \"img\"; {remedy}")
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("img"), str):
            raise DataError(f"{path}, entry {number}: expected an entry with \"img\", found "
                            f"{brief(entry)}; {remedy}")
    return [entry for entry in entries if not entry["img"].startswith(f"{PHOTOS}/img/")]


def _parse() -> argparse.Namespace:
    parser = program_parser(__doc__)
    parser.add_argument("--meshes", type=Path, required=True,
                        help="folder of meshes, at any depth")
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder of data sets")
    parser.add_argument("--name", default="mine", help="name of the data set")
    add_whole(parser, "--photos", 2, 10_000, "pictures of each shape", 12)
    add_whole(parser, "--held-out", 1, 10_000, "how many of them test", 2)
    add_whole(parser, "--size", 8, 4096, "pixels a side of views and photos", 224)
    add_number(parser, "--room-share", 0, 1, "share of room-like pictures", 0.2)
    parser.add_argument("--steps", nargs="*", choices=SHAPE_STEPS, default=list(SHAPE_STEPS),
                        help="what to make of each mesh; points and voxels are for --mode full")
    add_seed(parser)
    add_mesh_options(parser)
    add_common_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_program(main, vars(_parse()))
