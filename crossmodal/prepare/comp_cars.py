"""CompCars3D as a data set in the layout of the paper's authors.

    python -m crossmodal.prepare.comp_cars --source CompCars --annotations \\
        finegrained-pose/Anno3D/CompCars --models ShapeNetCore.v1 --root data

Three parts come from three owners:
1. photos, --source: ``data/image/MAKE/MODEL/YEAR/*.jpg`` and, with the same names,
   ``data/label/.../*.txt`` of CompCars (http://mmlab.ie.cuhk.edu.hk/datasets/comp_cars/; its owners
   send the password); or, as its README says, ``Image/CompCars/image`` of
2. the annotations, photo -> ShapeNet id, --annotations: ``Anno3D/CompCars/`` of
   https://github.com/yangyi02/finegrained-pose, or a table (crossmodal.prepare.car_annotations);
3. the models, --models: ShapeNetCore v1, synset 02958343 (https://shapenet.org).

Split: that of the annotations, or the paper's authors' lists. A table without a split gets ours,
named in ``split.json``. Whether the authors' lists are the annotations' split could not be
determined. Some photos that CompCars' own lists name are not in its archive; if annotated ones are
among them, --allow-missing goes on without.

Masks: the paper's come from a segmentation network and are not public as far as we know. Give your
own with --masks; else the mask is the box in the photo's label (third line: x1 y1 x2 y2), or with
--whole-frame the whole frame; ``split.json`` and the manifest say which. Writes
``<root>/compcars/``; run it again to continue.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from crossmodal.prepare.cars import (
    Box,
    CarSource,
    convert,
    first_of,
    parse_cars,
)
from crossmodal.prepare.instance_options import Options
from crossmodal.prepare.options import run_program
from crossmodal.prepare.source_check import Needed
from crossmodal.runtime.brief import brief
from crossmodal.runtime.safe_files import read_text
from crossmodal.runtime.worker_pool import keep_workers

NAME = "compcars"
SPLIT = "CompCars3D train_anno, test_anno"
_WHERE = "get data.zip of CompCars (http://mmlab.ie.cuhk.edu.hk/datasets/comp_cars/)"


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
    images = first_of(source / "Image" / "CompCars" / "image", source / "image",
                      source / "data" / "image")
    home = images.parent
    cars = CarSource(
        home=home,
        images=images,
        annotations=annotations or source / "Anno3D" / "CompCars",
        models=models or source / "CAD",
        needs=_needs(boxes=not (whole_frame or options.masks)),
        below={"train": "", "test": ""},
        boxes=None if whole_frame else lambda: partial(label_box, home / "label"),
    )
    return convert(cars, Path(root), name, SPLIT, options)


def label_box(labels: Path, image: str) -> Box:
    """The box of ``MAKE/MODEL/YEAR/x.jpg``, from ``MAKE/MODEL/YEAR/x.txt``.

    A label has viewpoint, number of boxes (1) and ``x1 y1 x2 y2`` (pixels from 1, inclusive), a
    line each. Raises ValueError for anything else, OSError where there is none.
    """
    path = labels / PurePosixPath(image).with_suffix(".txt")
    lines = read_text(path).split("\n", 3)
    words = lines[2].split() if len(lines) > 2 else []
    try:
        numbers = [float(word) for word in words] if len(words) == 4 else []
    except ValueError:
        numbers = []
    if not numbers:
        raise ValueError(f"{path}: the third line is not x1 y1 x2 y2, but {brief(' '.join(words))}")
    return numbers[0] - 1, numbers[1] - 1, numbers[2], numbers[3]


def _needs(boxes: bool) -> list[Needed]:
    photos = Needed("image/*/*/*/*.jpg", "the photos, MAKE/MODEL/YEAR/*.jpg", _WHERE)
    labels = Needed("label", "the boxes", f"{_WHERE}, or use --masks or --whole-frame")
    return [photos, labels] if boxes else [photos]


def _parse() -> dict[str, Any]:
    return parse_cars(
        __doc__, NAME, "CompCars' folder (data/image/, data/label/), "
        "or the finegrained-pose repository with Image/CompCars/ filled as its README says"
    )


if __name__ == "__main__":
    run_program(main, _parse())
