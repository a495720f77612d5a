"""Render photo-like colour pictures of every mesh, with the exact mask of the visible object.

    python -m crossmodal.prepare.render_photos meshes/ data/my/photo --photos 8 --seed 0

Writes ``<out>/img/<category>/<instance>/00.jpg`` and ``<out>/mask/<category>/<instance>/00.png``
... Photo k of a shape depends on (seed, shape, k) only: asking for more photos later adds to those
there.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from crossmodal.geometry.photo import PhotoModel, render_photo
from crossmodal.geometry.photo_settings import PRESETS
from crossmodal.prepare.items import find_items, load_upright
from crossmodal.prepare.options import (
    add_common_options,
    add_mesh_options,
    program_parser,
    run_program,
)
from crossmodal.prepare.output import write_image
from crossmodal.prepare.runner import Item, Task, run
from crossmodal.runtime.inside import inside
from crossmodal.runtime.options import add_number, add_seed, add_whole
from crossmodal.runtime.seeds import generator


def main(
    meshes: Path,
    out: Path,
    photos: int = 8,
    size: int = 224,
    room_share: float = 0.2,
    seed: int = 0,
    workers: int | None = None,
    redo: bool = False,
    layout: str = "auto",
    up: str | None = None,
) -> Path:
    """Render `photos` pictures of every mesh of a folder; returns `out`."""
    items = find_items(Path(meshes), layout, up).items
    counts = {key: (item, photos) for key, item in items.items()}
    return render_photos(counts, Path(out), size, room_share, seed, workers, redo)


def render_photos(
    shapes: Mapping[str, tuple[Item, int]],
    out: Path,
    size: int = 224,
    room_share: float = 0.2,
    seed: int = 0,
    workers: int | None = None,
    redo: bool = False,
) -> Path:
    """Render {shape key: (item of a mesh, number of photos)}; returns `out`.

    room_share : share of photos with the preset "room"; the others are like catalogue pictures.
    """
    items = {
        f"{key}/{index:02d}": Item(item.source, {**item.facts, "shape": key, "index": index})
        for key, (item, count) in shapes.items()
        for index in range(count)
    }
    presets = {name: asdict(preset) for name, preset in PRESETS.items()}
    settings = {"size": size, "room_share": room_share, "seed": seed, "presets": presets}
    run("render_photos", items, _render_item, out, settings, workers, redo)
    return out


def photo_names(key: str, index: int) -> tuple[str, str]:
    """Relative paths of the image and the mask of photo `index` of a shape."""
    return f"img/{key}/{index:02d}.jpg", f"mask/{key}/{index:02d}.png"


def photo_record(key: str, index: int, folder: str = "", model: str = "model") -> dict[str, Any]:
    """The entry of a list for photo `index` of a shape.

    folder : where the photos are in the data set; model : name of the mesh's file
    """
    image, mask = (f"{folder}/{name}" if folder else name for name in photo_names(key, index))
    return {"img": image, "mask": mask, "category": key.split("/")[0],
            "model": f"model/{key}/{model}"}


def _render_item(task: Task) -> dict[str, Any]:
    shape, index = task.facts["shape"], task.facts["index"]
    rng = generator(task.settings["seed"], "photo", shape, index)
    preset = "room" if rng.random() < task.settings["room_share"] else "catalogue"
    model = _model(task.source, task.facts.get("up", "y"))
    image, mask = render_photo(model, PRESETS[preset], rng, task.settings["size"])
    names = photo_names(shape, index)
    write_image(inside(task.out, names[0]), image)
    write_image(inside(task.out, names[1]), mask)
    return {"files": list(names)}


@lru_cache(maxsize=4)
def _model(path: Path, up: str) -> PhotoModel:
    return PhotoModel(load_upright(path, up))


def _parse() -> argparse.Namespace:
    parser = program_parser(__doc__)
    parser.add_argument("meshes", type=Path, help="folder of meshes, at any depth")
    parser.add_argument("out", type=Path, help="folder for img/, mask/ and manifest.json")
    add_whole(parser, "--photos", 1, 10_000, "pictures of each shape", 8)
    add_whole(parser, "--size", 8, 4096, "pixels a side", 224)
    add_number(parser, "--room-share", 0, 1, "share of room-like pictures", 0.2)
    add_seed(parser)
    add_mesh_options(parser)
    add_common_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_program(main, vars(_parse()))
