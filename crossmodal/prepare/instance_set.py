"""From photos, meshes and a split to a data set in the authors' layout.

``<root>/<name>/``: ``img/``, ``mask/``, ``model/``, ``rendering_<name>/``,
``model_std_ptc10k_npy/``, ``model_std_bin128/``, ``<name>_train.json``, ``<name>_test.json`` and
``split.json``. Each folder of made things has a manifest; a second run makes what is missing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crossmodal.data.errors import DataError, some
from crossmodal.geometry.render import ViewSettings
from crossmodal.prepare.furniture_store import make_shapes
from crossmodal.prepare.instance_options import Options
from crossmodal.prepare.manifest import MANIFEST, Manifest
from crossmodal.prepare.output import write_json
from crossmodal.prepare.photo_store import PHOTO, Photo, store_photos
from crossmodal.prepare.runner import from_files
from crossmodal.prepare.shape_store import count_views, import_meshes, model_name
from crossmodal.prepare.shapenet_source import Model
from crossmodal.prepare.source_check import (
    POINTS,
    VOXELS,
    Cost,
    Load,
    check_room,
    mesh_cost,
    view_cost,
)
from crossmodal.prepare.source_home import data_set
from crossmodal.prepare.splits import Split, listed_split, our_split, write_split
from crossmodal.runtime.brief import brief
from crossmodal.runtime.log import get_logger

logger = get_logger(__name__)


@dataclass(frozen=True)
class InstanceSet:
    """What a converter has read from a source.

    photos : key (``chair/0001``) -> photo; only those of the split are stored
    meshes : ``category/instance`` -> mesh; all of them are the gallery
    front : axis that they face, y being up
    about : facts for split.json and the photos' manifest
    """

    name: str
    photos: Mapping[str, Photo]
    meshes: Mapping[str, Model]
    split: Split
    front: str = "z"
    about: dict[str, Any] = field(default_factory=dict)


def build(data: InstanceSet, root: Path, options: Options) -> Path:
    """Make the data set; returns its folder.

    Raises NoRoom before anything is made, DataError when no photo or no shape is left.
    """
    for part, keys in (("train", data.split.train), ("test", data.split.test)):
        if not keys:
            raise DataError(f"{data.name}: no {part} photo in the split {data.split.name}; give "
                            "lists with --train-json and --test-json, or more photos of a shape")
    folder = data_set(root, data.name)
    photos = {key: data.photos[key] for key in sorted({*data.split.train, *data.split.test})}
    _refuse_source_inside(photos.values(), folder)
    check_room(folder, loads(folder, data, photos, options), options.workers)
    models = import_meshes(data.meshes, folder, data.front, options.workers, options.redo)
    make_shapes(from_files(models), folder, data.name, options.size, options.steps, options.workers,
                options.redo)
    manifest = store_photos(photos, folder, options.copy, options.workers, options.redo)
    views = folder / f"rendering_{data.name}"
    sound = _sound_shapes(views, models, options.steps)
    records = _records(photos, manifest, sound)
    gallery = count_views(views, sound) if "views" in options.steps else len(sound)
    _write_lists(folder, data, records, manifest, gallery)
    return folder


def choose_split(
    shapes: Mapping[str, str], options: Options, owners: Split | None = None
) -> Split:
    """The split of the lists that are given, else the owners', else ours.

    shapes : {photo key: the shape it shows}, of all photos that could be taken
    """
    lists = (options.train_json, options.test_json)
    if lists[0] and lists[1]:
        return listed_split(lists[0], lists[1], shapes, options.allow_missing)
    if lists[0] or lists[1]:
        raise DataError("give both lists, --train-json and --test-json, or neither")
    return owners or our_split(shapes)


def loads(
    folder: Path, data: InstanceSet, photos: Mapping[str, Photo], options: Options
) -> list[Load]:
    """What there is to make."""
    shapes = len(data.meshes)
    views = view_cost(ViewSettings.count, options.size)
    copied = sum(photo.image.stat().st_size for photo in photos.values()
                 if options.copy and photo.image.is_file())
    photo = Cost(PHOTO.seconds, PHOTO.bytes + copied / max(len(photos), 1))
    made = {
        "views": Load("shapes' views", shapes, views, folder / f"rendering_{data.name}"),
        "points": Load("shapes' points", shapes, POINTS, folder / "model_std_ptc10k_npy"),
        "voxels": Load("shapes' voxels", shapes, VOXELS, folder / "model_std_bin128", "*.binvox"),
    }
    meshes = mesh_cost(sum(mesh.bytes for mesh in data.meshes.values()), shapes)
    return [
        Load("meshes", shapes, meshes, folder / "model", "model.npz"),
        *(made[step] for step in options.steps),
        Load("photos", len(photos), photo, folder / "img", "*.*"),
    ]


def _refuse_source_inside(photos: Iterable[Photo], folder: Path) -> None:
    """Else a photo would be replaced by a link to itself, or by its smaller copy."""
    made = [Path(os.path.realpath(folder / name)) for name in ("img", "mask")]
    for photo in photos:
        for path in filter(None, (photo.image, photo.mask)):
            parents = (Path(os.path.realpath(path.parent)) / path.name).parents
            if any(place in parents for place in made):
                raise DataError(f"{path} lies where the data set is made, in {folder}; move the "
                                "source elsewhere, or make the data set under another --root")


def _sound_shapes(views: Path, models: Mapping[str, Path], steps: Sequence[str]) -> set[str]:
    """Shapes that have a mesh and, where views are made, views."""
    return {key for key in models
            if "views" not in steps or (views / f"{key}.npy").is_file()}


def _records(
    photos: Mapping[str, Photo], manifest: Manifest, sound: Collection[str]
) -> dict[str, dict[str, Any]]:
    """{photo key: its entry in a list}, of sound photos of sound shapes."""
    stored = {key: manifest.items[key] for key in manifest.done(photos)}
    for key, record in stored.items():
        if len(record["files"]) not in (1, 2) or not isinstance(record.get("mask_from"), str):
            path = manifest.folder / MANIFEST
            raise DataError(f"{path}: item {brief(key)} is not what was written; delete {path} and "
                            "run the program again")
    lost = [key for key in stored if photos[key].shape not in sound]
    if lost:
        logger.warning("left out, because their shapes could not be made: %s",
                       some(lost, len(stored), "photos"))
    return {key: _entry(photos[key].shape, *record["files"]) for key, record in stored.items()
            if photos[key].shape in sound}


def _entry(shape: str, image: str, mask: str | None = None) -> dict[str, Any]:
    found = {"img": image, "mask": mask, "category": shape.split("/")[0],
             "model": f"model/{model_name(shape)}"}
    return {name: value for name, value in found.items() if value is not None}


def _write_lists(
    folder: Path,
    data: InstanceSet,
    records: Mapping[str, dict[str, Any]],
    manifest: Manifest,
    gallery: int,
) -> None:
    """Both lists, and what is to be said about them."""
    counts: dict[str, Any] = {}
    for part, keys in (("train", data.split.train), ("test", data.split.test)):
        kept = [key for key in keys if key in records]
        if not kept:
            raise DataError(f"{folder}: no {part} photo is left of {len(keys)}; see the errors in "
                            f"{folder / 'manifest.json'}")
        write_json(folder / f"{data.name}_{part}.json", [records[key] for key in kept])
        shapes = {data.photos[key].shape for key in kept}
        counts[part] = {"photos": len(kept), "of": len(keys), "shapes": len(shapes)}
    masks = Counter(manifest.items[key]["mask_from"] for key in records)
    about = {**counts, "gallery": gallery, "masks_from": dict(sorted(masks.items())),
             **data.about}
    facts = write_split(folder, data.split, about)
    manifest.about = {"split": facts}
    manifest.save()
    logger.info("%s: split %s (%s); %d photos train, %d test, %d shapes; masks: %s", folder,
                data.split.name, data.split.whose, counts["train"]["photos"],
                counts["test"]["photos"], gallery,
                ", ".join(f"{n} from {what}" for what, n in sorted(masks.items())))
