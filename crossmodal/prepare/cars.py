"""From annotated car photos and ShapeNet's cars to a data set: what both car data sets share."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Optional

from crossmodal.data.errors import DataError, some
from crossmodal.prepare.car_annotations import (
    CarPhoto,
    lacking_annotations,
    owners_split,
    read_annotations,
)
from crossmodal.prepare.instance_options import (
    ALLOW,
    Options,
    add_instance_options,
    gathered,
)
from crossmodal.prepare.instance_set import InstanceSet, build, choose_split
from crossmodal.prepare.options import program_parser
from crossmodal.prepare.photo_store import Photo, absent_photos, mask_files
from crossmodal.prepare.shapenet_source import FRONTS, SYNSETS, Model, find_models
from crossmodal.prepare.source_check import (
    MissingSource,
    Needed,
    absent,
    lacking,
    refuse_missing,
)
from crossmodal.prepare.splits import Split
from crossmodal.runtime.log import get_logger

logger = get_logger(__name__)

CATEGORY = "car"
Box = tuple[float, float, float, float]
FindBox = Callable[[str], Optional[Box]]  # photo's path -> its box; OSError, ValueError: broken
_MODELS = (
    f"get ShapeNetCore.v1's {SYNSETS[CATEGORY]}.zip from https://shapenet.org and name its folder "
    "with --models"
)


@dataclass(frozen=True)
class CarSource:
    """Where the parts of a car data set are.

    needs : what `home` must have; below : see `read_annotations`
    boxes : makes the function that finds a photo's box; None: whole frames
    unpacked_to : folder of photos -> where its archive was unpacked to, below `images`
    """

    home: Path
    images: Path
    annotations: Path
    models: Path
    needs: Sequence[Needed]
    below: Mapping[str, str]
    boxes: Callable[[], FindBox] | None
    unpacked_to: Mapping[str, str] = field(default_factory=dict)

    def photo(self, image: str) -> Path:
        """The file of a photo that the annotations name."""
        folder, _, name = image.partition("/")
        return self.images / self.unpacked_to.get(folder, folder) / name


def convert(source: CarSource, root: Path, name: str, split_name: str, options: Options) -> Path:
    """Make the data set; returns ``<root>/<name>``.

    split_name : of the owners' split
    Raises MissingSource naming all that is not there, NoRoom, or DataError.
    """
    models, front, complaints = _find_cars(source.models)
    complaints += lacking(source.home, source.needs)
    complaints += lacking_annotations(source.annotations)
    refuse_missing(complaints)
    annotated = read_annotations(source.annotations, source.below)
    photos = _photos(annotated, source, options)
    split = choose_split({key: photo.shape for key, photo in photos.items()}, options,
                         owners_split(annotated, split_name))
    chosen = {key: photos[key] for key in {*split.train, *split.test}}
    unknown = sorted({photo.shape for photo in photos.values()} - set(models))
    if options.allow_missing:
        split = _without(split, {key for key in chosen if chosen[key].shape in unknown})
    else:
        refuse_missing(_absent(chosen, unknown, len(models), source.models), ALLOW)
    shown = {photo.shape for photo in photos.values()}
    meshes = {shape: model for shape, model in models.items() if shape in shown}
    if not meshes:
        raise DataError(f"{source.models}: none of the {len(shown)} annotated models; {_MODELS}")
    about = {"masks": options.masks_of("the owners' boxes" if source.boxes else "whole frames")}
    return build(InstanceSet(name, photos, meshes, split, front, about), root, options)


def first_of(*places: Path) -> Path:
    """The first place that exists, else the last."""
    return next((place for place in places if place.exists()), places[-1])


def parse_cars(about: str, name: str, source: str) -> dict[str, Any]:
    """The command line of a car data set, for its `main`.

    about : the program's docstring; source : help of --source
    """
    parser = program_parser(about)
    parser.add_argument("--source", type=Path, required=True, help=source)
    parser.add_argument(
        "--annotations", type=Path, help="folder with train_anno.pkl and test_anno.pkl, or a .csv "
        "or .json table with image (path below the photos' folder), model (ShapeNet id) and, if "
        "wanted, split (train or test)"
    )
    parser.add_argument(
        "--models", type=Path, help=f"ShapeNetCore v1 (folder of {SYNSETS[CATEGORY]}/ or "
        f"{SYNSETS[CATEGORY]}.zip)"
    )
    parser.add_argument(
        "--whole-frame", action="store_true", help="where there is no mask, the whole frame is the "
        "object (default: the box of the owners' annotations)"
    )
    add_instance_options(parser, name)
    return gathered(vars(parser.parse_args()))


def _find_cars(folder: Path) -> tuple[dict[str, Model], str, list[str]]:
    """{shape: model}, the axis they face, and a complaint if there are none."""
    home = folder.parent if folder.name == SYNSETS[CATEGORY] else folder
    try:
        found = find_models(home, [CATEGORY])
    except MissingSource:
        return {}, "z", [f"{home / SYNSETS[CATEGORY]}: the car models; {_MODELS}"]
    models = {f"{CATEGORY}/{instance}": model
              for instance, model in found.models[CATEGORY].items()}
    return models, FRONTS[found.layout], []


def _photos(annotated: Sequence[CarPhoto], source: CarSource, options: Options) -> dict[str, Photo]:
    masks = mask_files(options.masks) if options.masks else {}
    if options.masks and not options.allow_missing:
        masks = {car.key: masks.get(car.key, options.masks / f"{car.key}.png") for car in annotated}
    unmasked = [car for car in annotated if car.key not in masks]
    boxes = _boxes(unmasked, source.boxes()) if source.boxes else {}
    return {
        car.key: Photo(source.photo(car.image), f"{CATEGORY}/{car.model}", masks.get(car.key),
                       boxes.get(car.key))
        for car in annotated
    }


def _boxes(annotated: Sequence[CarPhoto], find_box: FindBox) -> dict[str, Box]:
    """{photo key: box}; photos without a box are named and counted in a warning."""
    boxes: dict[str, Box] = {}
    bad = []
    for car in annotated:
        try:
            box = find_box(car.image)
        except (OSError, ValueError) as error:
            bad.append(f"{car.image}: {error}")
            continue
        if box is None:
            bad.append(f"{car.image}: not in the owners' annotations")
        elif not all(map(math.isfinite, box)):
            bad.append(f"{car.image}: a box of {box}")
        else:
            boxes[car.key] = box
    if bad:
        logger.warning("no box, the whole frame is taken: %s", some(bad, len(annotated), "photos"))
    return boxes


def _absent(
    photos: Mapping[str, Photo], unknown: Sequence[str], known: int, models: Path
) -> list[str]:
    shapes = len({photo.shape for photo in photos.values()})
    return [
        *absent_photos(photos, "get the photos' archives again", "complete the folder of --masks"),
        *absent([Path(shape) for shape in unknown], shapes, f"car models ({known} are in {models})",
                _MODELS),
    ]


def _without(split: Split, keys: Collection[str]) -> Split:
    return replace(split, train=[key for key in split.train if key not in keys],
                   test=[key for key in split.test if key not in keys])
