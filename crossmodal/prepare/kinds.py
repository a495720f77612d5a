"""The data set of "which kind of shape is in the photo?": labelled photos, unlabelled shapes.

    python -m crossmodal.prepare.kinds --root data --photos-ikea ikea_photos \\
        --photos-caltech caltech101 --shapes sweethome3d ikea aircraft cars --contact-sheet

Writes ``<root>/kinds/``: ``photo/``, ``view/``, ``classes.txt`` and, in the released format (``path
label``, a shape's views on consecutive lines, paths from this folder), ``source_train.txt`` and
``source_test.txt`` (photos), ``target_train.txt`` (shapes; their labels are for measuring only),
``target_test.txt`` (the gallery) and ``target_test_all.txt`` (and every shape of no class, label
-1). ``kinds.json`` has the settings, counts and who made the shapes. The classes are those of
``kinds.yaml`` (or --map). Run it again to continue: what is there is not made again.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from crossmodal.data.errors import DataError
from crossmodal.geometry.render import ViewSettings
from crossmodal.prepare import kinds_sources
from crossmodal.prepare.kinds_lists import Kinds, Limits, Split, split_classes, write_lists
from crossmodal.prepare.kinds_map import DEFAULT_MAP, LEFT_OUT, ClassMap, read_map
from crossmodal.prepare.kinds_sheets import write_contact_sheets
from crossmodal.prepare.kinds_sources import (
    Photo,
    Shape,
    check_names,
    read_catalogue,
    read_folders,
    read_shapes,
    same_files,
)
from crossmodal.prepare.kinds_store import store_photos, store_views
from crossmodal.prepare.options import add_common_options, program_parser, run_program
from crossmodal.prepare.output import write_json
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.options import add_number, add_whole
from crossmodal.runtime.worker_pool import keep_workers

logger = get_logger(__name__)

NAME = "kinds"
VIEWS = 4
LIMITS = Limits()
HELP = {
    "minimum": "photos and shapes that a class must have",
    "photo_share": "share of a class's photos that train",
    "shape_share": "share of a class's shapes that train",
    "train_photos": "training photos of a class, at most",
    "test_photos": "test photos of a class, at most",
    "train_shapes": "training shapes of a class, at most",
    "gallery_shapes": "shapes of a class in the gallery, at most",
}


@keep_workers()
def main(
    root: Path,
    shapes: Sequence[Path],
    photos_ikea: Path | None = None,
    photos_caltech: Path | None = None,
    class_map: Path = DEFAULT_MAP,
    views: int = VIEWS,
    size: int = 224,
    limits: Limits = LIMITS,
    contact_sheet: bool = False,
    workers: int | None = None,
    redo: bool = False,
) -> Path:
    """Make the data set from the folders that are given; returns ``<root>/kinds``."""
    folder = Path(root) / NAME
    rules = read_map(Path(class_map))
    photos = _read_photos(photos_ikea, photos_caltech)
    models = read_shapes([Path(path) for path in shapes])
    check_names([photo.id for photo in photos] + [shape.key for shape in models])
    _report_idle(rules, photos, models)
    photos = [photo for photo in photos if rules.photo(photo) not in (None, LEFT_OUT)]
    models = [shape for shape in models if rules.shape(shape) != LEFT_OUT]
    settings = ViewSettings(count=views, size=size)
    sound = store_photos(photos, folder, workers, redo)
    sound |= store_views(models, folder, settings, workers, redo)
    kinds = by_class(rules, photos, models, sound)
    split = split_classes(kinds, limits)
    write_lists(folder, split, kinds.distractors, views)
    about = {"views": asdict(settings), "limits": asdict(limits)}
    _write_summary(folder, about, kinds, split, models)
    if contact_sheet:
        write_contact_sheets(folder, kinds, split, views)
    return folder


def _read_photos(catalogue: Path | None, folders: Path | None) -> list[Photo]:
    if catalogue is None and folders is None:
        raise DataError("no photos: give --photos-ikea, --photos-caltech or both")
    photos = read_catalogue(Path(catalogue)) if catalogue else []
    return photos + (read_folders(Path(folders)) if folders else [])


def _report_idle(rules: ClassMap, photos: Sequence[Photo], shapes: Sequence[Shape]) -> None:
    idle = rules.idle(photos, shapes)
    if idle:
        logger.info("%d rules of the class map fit nothing here (first: %s)", len(idle), idle[0])


def by_class(
    rules: ClassMap, photos: Sequence[Photo], shapes: Sequence[Shape], sound: Collection[str]
) -> Kinds:
    """The photos and shapes whose pictures are sound, by class."""
    photos = [photo for photo in photos if photo.id in sound]
    shapes = [shape for shape in shapes if shape.key in sound]
    kinds = Kinds({name: {} for name in rules.classes}, {name: {} for name in rules.classes}, [])
    families = same_files(photos)
    for photo in photos:
        kinds.photos[rules.photo(photo) or ""][photo.id] = families[photo.id]
    for shape in shapes:
        name = rules.shape(shape)
        if name is None:
            kinds.distractors.append(shape.key)
        else:
            kinds.shapes[name][shape.key] = rules.family(shape)
    return kinds


def _write_summary(
    folder: Path, settings: dict[str, Any], kinds: Kinds, split: Split, shapes: Sequence[Shape]
) -> None:
    """kinds.json: settings, how many of each class are where, name and maker of every shape."""
    counts = {
        name: {
            "train_photos": len(of_photos.train),
            "test_photos": len(of_photos.test),
            "train_shapes": len(of_shapes.train),
            "gallery_shapes": len(of_shapes.test),
        }
        for name, (of_photos, of_shapes) in split.items()
    }
    for name, count in counts.items():
        logger.info("%s: %s", name, ", ".join(f"{n} {what}" for what, n in count.items()))
    content = {
        "settings": settings,
        "classes": counts,
        "distractors": len(kinds.distractors),
        "shapes": {shape.key: {"name": shape.name, "credit": shape.credit} for shape in shapes},
    }
    write_json(folder / "kinds.json", content)


def _parse() -> argparse.Namespace:
    parser = program_parser(__doc__, kinds_sources.__doc__)
    parser.add_argument("--photos-ikea", type=Path, help="photo/ARTICLE.jpg and labels.json")
    parser.add_argument("--photos-caltech", type=Path, help="one folder of photos a category")
    parser.add_argument(
        "--shapes", type=Path, nargs="+", required=True, help="folders of mesh/ID.npz, meta.json"
    )
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder of data sets")
    parser.add_argument(
        "--map", type=Path, default=DEFAULT_MAP, dest="class_map", help="class map (yaml)"
    )
    add_whole(parser, "--views", 1, 1024, "views a shape", VIEWS)
    add_whole(parser, "--size", 8, 4096, "pixels a side of the views", 224)
    for name, value in asdict(LIMITS).items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, int):
            add_whole(parser, flag, 1, 10**6, HELP[name], value)
        else:
            add_number(parser, flag, 0, 1, HELP[name], value)
    parser.add_argument("--contact-sheet", action="store_true", help="write contact/<class>.png")
    add_common_options(parser)
    return parser.parse_args()


def _options() -> dict[str, Any]:
    options = vars(_parse())
    options["limits"] = Limits(**{name: options.pop(name) for name in asdict(LIMITS)})
    return options


if __name__ == "__main__":
    run_program(main, _options())
