"""Make the default data set from nothing: parametric furniture with photo-like queries.

    python -m crossmodal.prepare.generate --root data/demo --name demo --instances 24 --photos 6
    --seed 0

Writes two data sets in the authors' layout. ``<root>/<name>/``: ``<name>_train.json``,
``<name>_test.json``, ``img/``, ``mask/``, ``model/<category>/<instance>/model.obj``,
``rendering_<name>/`` (or .pkl with --pickle), ``model_std_bin128/``, ``model_std_ptc10k_npy/``.
``<root>/shapenet4/``: other shapes of the same categories, with ``rendering_shapenet<category>s``.

The gallery of the test is all shapes. Of most shapes some photos train and others test; a share of
the shapes (--unseen) is only tested, never trained on. Same seed and sizes, same bytes.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal.data.errors import DataError
from crossmodal.geometry.mesh import Mesh
from crossmodal.geometry.render import ViewSettings
from crossmodal.prepare.options import add_common_options, program_parser, run_program
from crossmodal.prepare.output import write_bytes, write_json
from crossmodal.prepare.parametric import MAKERS
from crossmodal.prepare.render_photos import photo_record, render_photos
from crossmodal.prepare.render_views import render_items
from crossmodal.prepare.runner import Item, Task, run
from crossmodal.prepare.sample_points import sample_items
from crossmodal.prepare.source_home import data_set
from crossmodal.prepare.voxelize import voxelize_items
from crossmodal.runtime.atomic import atomic_write_in
from crossmodal.runtime.inside import inside
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.options import add_number, add_seed, add_whole
from crossmodal.runtime.safe_files import read_npy
from crossmodal.runtime.seeds import generator
from crossmodal.runtime.worker_pool import keep_workers

LIBRARY = "shapenet4"
TEST_PHOTOS = 2

logger = get_logger(__name__)


@keep_workers()
def main(
    root: Path = Path("data/demo"),
    name: str = "demo",
    instances: int = 24,
    photos: int = 6,
    library: int = 10,
    unseen: float = 0.2,
    size: int = 224,
    room_share: float = 0.5,
    seed: int = 0,
    as_pickle: bool = False,
    workers: int | None = None,
    redo: bool = False,
) -> Path:
    """Generate the data set and its second library; returns ``<root>/<name>``.

    instances, library : shapes of each category in the data set and in the second library
    photos : pictures of each shape, the last two of which test
    unseen : share of the shapes that are only tested
    """
    _check(instances, photos, library, unseen)
    folder, others = data_set(root, name), Path(root) / LIBRARY
    shapes = make_models(folder, name, instances, seed, workers, redo)
    fresh = unseen_shapes(shapes, unseen, seed)
    counts = {key: TEST_PHOTOS if key in fresh else photos for key in shapes}
    sources = {key: (Item(path), counts[key]) for key, path in shapes.items()}
    render_photos(sources, folder, size, room_share, seed, workers, redo)
    write_json(folder / f"{name}_train.json", _records(counts, fresh, test=False))
    write_json(folder / f"{name}_test.json", _records(counts, fresh, test=True))
    make_shapes(folder, {f"rendering_{name}": shapes}, size, workers, redo)
    strangers = make_models(others, LIBRARY, library, seed, workers, redo)
    make_shapes(others, _by_category(strangers), size, workers, redo)
    if as_pickle:
        pickle_views(folder / f"rendering_{name}", nested=True)
        for category in MAKERS:
            pickle_views(others / f"rendering_shapenet{category}s", nested=False)
    return folder


def make_models(
    folder: Path,
    library: str,
    count: int,
    seed: int,
    workers: int | None = None,
    redo: bool = False,
) -> dict[str, Path]:
    """Make `count` shapes of each category; returns {category/instance: model.obj}."""
    keys = [f"{category}/{category}_{index:03d}" for category in MAKERS for index in range(count)]
    settings = {"seed": seed, "library": library}
    run(
        "generate",
        {key: Item() for key in keys},
        _make_model,
        folder / "model",
        settings,
        workers,
        redo,
    )
    return {key: folder / "model" / key / "model.obj" for key in keys}


def unseen_shapes(shapes: Mapping[str, Path], share: float, seed: int) -> set[str]:
    """Keys of the shapes that are only tested: a share of each category, drawn at random."""
    chosen: set[str] = set()
    for category in MAKERS:
        keys = [key for key in shapes if key.startswith(f"{category}/")]
        order = generator(seed, "unseen", category).permutation(len(keys))
        chosen |= {keys[index] for index in order[: round(share * len(keys))]}
    return chosen


def make_shapes(
    folder: Path,
    renderings: Mapping[str, Mapping[str, Path]],
    size: int,
    workers: int | None = None,
    redo: bool = False,
) -> None:
    """Views into each rendering folder ({folder: {key: mesh}}); points and voxels of all shapes."""
    for name, shapes in renderings.items():
        items = {key: Item(path) for key, path in shapes.items()}
        render_items(items, folder / name, ViewSettings(size=size), workers, redo)
    paths = {path for shapes in renderings.values() for path in shapes.values()}
    items = {f"{p.parent.parent.name}/{p.parent.name}": Item(p) for p in sorted(paths)}
    sample_items(items, folder / "model_std_ptc10k_npy", workers=workers, redo=redo)
    voxelize_items(items, folder / "model_std_bin128", workers=workers, redo=redo)


def pickle_views(folder: Path, nested: bool) -> Path:
    """Also write a folder of views as the authors' pickle, ``<folder>.pkl``; returns its path.

    nested : {category: {instance: views}} from category/instance.npy; else {instance: views}
    """
    content: dict[str, Any] = {}
    for path in sorted(folder.glob("*/*.npy" if nested else "*.npy")):
        place = content.setdefault(path.parent.name, {}) if nested else content
        place[path.stem] = read_npy(path)
    target = folder.with_suffix(".pkl")
    with atomic_write_in(target.parent, target.name) as file:
        pickle.dump(content, file, protocol=4)
    return target


def obj_text(mesh: Mesh) -> str:
    """A mesh as Wavefront OBJ, coordinates to a hundredth of a millimetre."""
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in mesh.vertices]
    lines += [f"f {a} {b} {c}" for a, b, c in mesh.faces + 1]
    return "\n".join(lines) + "\n"


def _make_model(task: Task) -> dict[str, Any]:
    category = task.key.split("/")[0]
    rng = generator(task.settings["seed"], "shape", task.settings["library"], task.key)
    mesh = MAKERS[category](rng)
    name = f"{task.key}/model.obj"
    write_bytes(inside(task.out, name), obj_text(mesh).encode("ascii"))
    return {"files": [name], "faces": len(mesh.faces)}


def _records(counts: Mapping[str, int], fresh: set[str], test: bool) -> list[dict[str, Any]]:
    """Records of the training or test photos: a shape's last photos test."""
    records = []
    for key, count in sorted(counts.items()):
        for index in range(count):
            if (key in fresh or index >= count - TEST_PHOTOS) != test:
                continue
            record = photo_record(key, index, model="model.obj")
            records.append({**record, "unseen": key in fresh})
    return records


def _by_category(shapes: Mapping[str, Path]) -> dict[str, dict[str, Path]]:
    """{rendering folder of a category: {instance: mesh}}, the second library's layout."""
    found: dict[str, dict[str, Path]] = {}
    for key, path in shapes.items():
        category, instance = key.split("/")
        found.setdefault(f"rendering_shapenet{category}s", {})[instance] = path
    return found


def _check(instances: int, photos: int, library: int, unseen: float) -> None:
    if instances < 1 or library < 1:
        raise DataError(f"each category needs a shape: instances={instances}, library={library}")
    if photos <= TEST_PHOTOS:
        raise DataError(
            f"photos={photos}: {TEST_PHOTOS} of a shape's photos test, some must train"
        )
    if not 0 <= unseen < 1:
        raise DataError(f"unseen={unseen} must be at least 0 and below 1")


def _parse() -> argparse.Namespace:
    parser = program_parser(__doc__)
    parser.add_argument("--root", type=Path, default=Path("data/demo"), help="folder of data sets")
    parser.add_argument("--name", default="demo", help="name of the data set")
    add_whole(parser, "--instances", 1, 10**6, "shapes of each category", 24)
    add_whole(parser, "--photos", TEST_PHOTOS + 1, 10_000, "pictures of each shape", 6)
    add_whole(parser, "--library", 1, 10**6, "other shapes of each category", 10)
    add_number(parser, "--unseen", 0, 1, "share of shapes only tested", 0.2)
    add_whole(parser, "--size", 8, 4096, "pixels a side of views and photos", 224)
    add_number(parser, "--room-share", 0, 1, "share of room-like photos", 0.5)
    add_seed(parser)
    parser.add_argument(
        "--pickle", action="store_true", dest="as_pickle", help="views also as .pkl"
    )
    add_common_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_program(main, vars(_parse()))
