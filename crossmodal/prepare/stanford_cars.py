"""StanfordCars3D as a data set in the layout of the paper's authors.

    python -m crossmodal.prepare.stanford_cars --source finegrained-pose --root data
    python -m crossmodal.prepare.stanford_cars --source stanford_cars --annotations \\
        finegrained-pose/Anno3D/StanfordCars --models ShapeNetCore.v1 --root data

Three parts come from three owners:
1. photos, --source: ``cars_train/00001.jpg`` ..., ``cars_test/`` and ``devkit/`` of Stanford Cars
   (https://ai.stanford.edu/~jkrause/cars/car_dataset.html; that server has been down for long,
   pytorch/vision issue 7545 names copies); or, as its README says, below ``Image/StanfordCars/`` of
2. the annotations, photo -> ShapeNet id, --annotations: ``Anno3D/StanfordCars/`` of
   https://github.com/yangyi02/finegrained-pose, or a table (crossmodal.prepare.car_annotations);
3. the models, --models: ShapeNetCore v1, synset 02958343 (https://shapenet.org).

Split: that of the annotations (cars_train and cars_test, 8,144 and 8,041 photos in all of Stanford
Cars), or the paper's authors' lists. A table without a split gets ours, named in ``split.json``.
Whether the authors' lists are the annotations' split could not be determined.

Masks: the paper's come from a segmentation network and are not public as far as we know. Give your
own with --masks; else the mask is the box in the devkit, or with --whole-frame the whole frame;
``split.json`` and the manifest say which. Writes ``<root>/stanfordcars/``; run it again to
continue.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.data.errors import DataError
from crossmodal.prepare.cars import (
    Box,
    CarSource,
    FindBox,
    convert,
    first_of,
    parse_cars,
)
from crossmodal.prepare.instance_options import Options
from crossmodal.prepare.matlab_file import read_mat
from crossmodal.prepare.options import run_program
from crossmodal.prepare.source_check import Needed
from crossmodal.prepare.source_home import unpacked
from crossmodal.runtime.brief import one_line
from crossmodal.runtime.worker_pool import keep_workers

NAME = "stanfordcars"
PARTS = ("train", "test")
SPLIT = "StanfordCars3D train_anno, test_anno"
_PHOTOS = ("get {0}.tgz of Stanford Cars (https://ai.stanford.edu/~jkrause/cars/car_dataset.html; "
           "pytorch/vision issue 7545 names copies) and unpack it here")


@keep_workers()
def main(
    source: Path,
    root: Path = Path("data"),
    name: str = NAME,
    annotations: Path | None = None,
    models: Path | None = None,
    whole_frame: bool = False,
    options: Options | None = None,
) -> Path:
    """Make the data set; returns ``<root>/<name>``.

    Raises MissingSource, NoRoom or DataError with what is to be done.
    """
    source, options = Path(source), options or Options()
    images = first_of(source / "Image" / "StanfordCars", source)
    below = {part: f"cars_{part}" for part in PARTS}
    cars = CarSource(
        home=images,
        images=images,
        annotations=annotations or source / "Anno3D" / "StanfordCars",
        models=models or source / "CAD",
        needs=_needs(images, boxes=not (whole_frame or options.masks)),
        below=below,
        boxes=None if whole_frame else lambda: read_boxes(images),
        unpacked_to={name: unpacked(images, name) for name in below.values()},
    )
    return convert(cars, Path(root), name, SPLIT, options)


def read_boxes(images: Path) -> FindBox:
    """The boxes of the devkit, by the photo's path (``cars_train/00001.jpg``).

    cars_<part>_annos.mat: struct array ``annotations`` with bbox_x1, bbox_y1, bbox_x2, bbox_y2
    (pixels from 1, inclusive) and fname. Raises DataError for a file that is no such thing.
    """
    boxes: dict[str, Box] = {}
    for part in PARTS:
        for path in sorted(images.glob(_devkit(images, part))):
            boxes.update({f"cars_{part}/{fname}": box for fname, box in _read_mat(path)})
    return boxes.get


def _read_mat(path: Path) -> list[tuple[str, Box]]:
    try:
        rows = read_mat(path, "annotations")
        return [
            (str(row["fname"]), (float(row["bbox_x1"]) - 1, float(row["bbox_y1"]) - 1,
                                 float(row["bbox_x2"]), float(row["bbox_y2"])))
            for row in np.atleast_1d(rows)
        ]
    except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
        raise DataError(f"{path}: not the devkit's annotations ({_reason(path, error)}); get "
                        "car_devkit.tgz again, or use --whole-frame or --masks") from error


def _reason(path: Path, error: Exception) -> str:
    return one_line(error).removeprefix(f"{path}: ")


def _devkit(images: Path, part: str) -> str:
    return f"{unpacked(images, 'devkit')}/cars_{part}_annos*.mat"


def _needs(images: Path, boxes: bool) -> list[Needed]:
    names = [f"cars_{part}" for part in PARTS]
    folders = [Needed(f"{unpacked(images, name)}/*.jpg", "the photos", _PHOTOS.format(name))
               for name in names]
    devkit = "get car_devkit.tgz of Stanford Cars, or use --masks or --whole-frame"
    return folders + [Needed(_devkit(images, part), "the boxes", devkit)
                      for part in PARTS if boxes]


def _parse() -> dict[str, Any]:
    return parse_cars(
        __doc__, NAME, "folder of cars_train/, cars_test/ and devkit/, "
        "or the finegrained-pose repository with Image/StanfordCars/ filled as its README says"
    )


if __name__ == "__main__":
    run_program(main, _parse())
