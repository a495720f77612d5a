"""Good records, and what reads each: lists, manifests, galleries, annotations, splits.

A reader of names also looks at where they lead: nothing that is read may lie outside its folder.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Callable

import numpy as np

from crossmodal.data.dataset import read_duplicates
from crossmodal.data.image_lists import class_names, read_items, read_names
from crossmodal.data.records import read_list
from crossmodal.data.views import open_views
from crossmodal.prepare.car_annotations import read_annotations
from crossmodal.prepare.comp_cars import label_box
from crossmodal.prepare.furniture_lists import read_split
from crossmodal.prepare.ikea import read_drawings
from crossmodal.prepare.kinds_map import read_map
from crossmodal.prepare.kinds_sources import read_catalogue, read_shapes
from crossmodal.prepare.manifest import Manifest, SettingsChanged
from crossmodal.prepare.mi3dor_lists import listed_photos, names_of_labels
from crossmodal.prepare.mi3dor_lists import read_list as read_owners_list
from crossmodal.prepare.own_library import _added
from crossmodal.prepare.pix3d_source import read_entries
from crossmodal.prepare.prepared_copy import read_prepared
from crossmodal.prepare.splits import listed_split, read_split_facts
from crossmodal.retrieval.gallery import Gallery, open_gallery, save_gallery
from crossmodal.retrieval.library import read_views, view_settings
from crossmodal.training.run_log import _lines

_kept = tempfile.TemporaryDirectory()  # removed at exit
ROOM = Path(_kept.name).resolve()
Read = Callable[[Path], Any]


def room(name: str) -> Path:
    """A folder of a reader's own."""
    (ROOM / name).mkdir(exist_ok=True)
    return ROOM / name


def in_place(name: str, read: Read) -> Read:
    """Read a file under the name, and in a folder, that its program knows it by."""

    def read_there(path: Path) -> Any:
        folder = room(f"{name} {path.stem}")
        (folder / name).write_bytes(path.read_bytes())
        return read(folder)

    return read_there


def refuse_outside(folder: Path, paths: Iterable[Path | str]) -> None:
    """Fail for a path that is not below a folder."""
    for path in paths:
        place = (folder / path).resolve()
        assert folder.resolve() in place.parents, f"{path} lies outside"


def read_manifest(folder: Path) -> None:
    victim = ROOM / "victim"
    victim.touch()
    for redo in (False, True):
        try:
            found = Manifest.open(folder, "render_views", SETTINGS, redo)
            found.is_done("a/1", "x" * 64)
            found.forget(list(found.items))
            found.save()
        except SettingsChanged:
            continue
    assert victim.is_file()


def read_gallery(folder: Path) -> None:
    (folder / TOKENS.name).write_bytes(TOKENS.read_bytes())
    gallery = open_gallery(folder)
    settings = view_settings(gallery, folder)
    for name in gallery.ids:
        try:
            read_views(folder, name, settings)
        except ValueError:
            continue


def read_tokens(path: Path) -> None:
    folder = room("tokens")
    (folder / "gallery.json").write_bytes((GALLERY / "gallery.json").read_bytes())
    (folder / TOKENS.name).write_bytes(path.read_bytes())
    open_gallery(folder)


def read_instances(path: Path) -> None:
    records = read_list(path, "other")
    refuse_outside(path.parent, [record.image for record in records])
    refuse_outside(path.parent, [record.mask for record in records if record.mask])
    refuse_outside(path.parent, [str(record.shape) for record in records])


def read_pictures(labels: bool) -> Read:
    def read(path: Path) -> None:
        for name in ("a.png", "b 1.png"):
            (path.parent / name).touch()
        class_names(path.with_name("none"), len(read_items(path, labels=labels)))

    return read


def read_pieces(read: Callable[[Path], list[Any]]) -> Read:
    def read_all(folder: Path) -> None:
        for piece in read(folder):
            refuse_outside(folder, [piece.model, piece.icon, piece.key])

    return read_all


def read_shapes_and_paths(folder: Path) -> None:
    (folder / "meta.json").touch()
    shapes = read_shapes([folder])
    refuse_outside(folder, [path for shape in shapes for path in (shape.path, shape.key)])


def read_families(folder: Path) -> None:
    (folder / "meta.json").write_bytes(json_of(KINDS))
    read_shapes([folder])


def read_photos(folder: Path) -> None:
    photos = read_catalogue(folder)
    refuse_outside(folder, [path for photo in photos for path in (photo.path, photo.id)])


def read_pix3d(path: Path) -> None:
    for entry in read_entries(path):
        refuse_outside(path.parent, [entry.key, entry.shape, entry.image, entry.mask, entry.model])


def read_cars(path: Path) -> None:
    for photo in read_annotations(path, {}):
        refuse_outside(path.parent, [photo.key, photo.image, photo.model])


def read_owners(path: Path) -> None:
    home = room("MI3DOR")
    (home / "image" / "train" / "bed").mkdir(parents=True, exist_ok=True)
    (home / "image" / "train" / "bed" / "1.jpg").touch()
    copy = home / "list.txt"
    copy.write_bytes(path.read_bytes())
    found = read_owners_list(copy, home, "source_train")
    _, start = names_of_labels([found], ["bed", "chair"])
    refuse_outside(home, [item.files[0] for item in listed_photos(found, home, start)])


def read_label(path: Path) -> None:
    label_box(path.parent, path.name)


def read_both_lists(path: Path) -> None:
    listed_split(path, path, ["chair/0001", "chair/0002"], skip_unknown=True)


def read_renderings(path: Path) -> None:
    folder = room("rendering")
    (folder / "bed").mkdir(exist_ok=True)
    (folder / "bed" / "1.npy").write_bytes(path.read_bytes())
    store = open_views(folder)
    for key in store:
        np.asarray(store[key])


def json_of(content: Any) -> bytes:
    return json.dumps(content).encode()


def npy_of(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


SETTINGS = {"count": 4, "size": 32, "elevation": 30.0}
MANIFEST = {"program": "render_views", "settings": SETTINGS, "about": {"split": {"name": "x"}},
            "versions": {"python": "3.11"}, "failed": ["a/2"], "items": {
                "a/1": {"status": "done", "files": ["a/1.npy"], "source": "x" * 64},
                "a/2": {"status": "failed", "files": [], "error": "torn", "source": "y" * 64}}}
INSTANCES = [{"img": f"img/a/{n}.jpg", "mask": f"mask/a/{n}.png", "category": "bed",
              "model": f"model/bed/b_{n}/model.obj"} for n in range(3)]
PREPARED = [{"id": f"a{n}", "name": "chair", "category": "Living Room", "creator": "x",
             "license": "CC-BY"} for n in range(3)]
DRAWINGS = {"shapes": {"a": {"category": "c", "product": "p"}, "b": {"category": "c"}}}
KINDS = [{"id": "744", "name": "jumbo jet", "category": "aircraft", "source": "747/Models/744.ac",
          "creator": "x", "license": "GPL"}, {"id": "74N", "category": "aircraft"}]
FAMILIES = {"duplicates": [["744", "74N"], ["x"]], "near_duplicates_loose": [["x", "y", "z"]]}
LABELS = {"00123": {"type": "chair", "category": "seats"}, "00124": {"type": "a", "category": "b"}}
SPLIT = {"train": ["a", "b"], "test": ["c"], "duplicates": [["a", "c"]]}
FACTS = {"name": "crossmodal-split-1", "whose": "ours", "rule": "half", "train": {"photos": 3}}
PIX3D = [{"img": f"img/bed/{n}.png", "mask": f"mask/bed/{n}.png", "category": "bed",
          "model": f"model/bed/X_{n}/model.obj", "truncated": False, "occluded": True}
         for n in range(3)]
CARS = [{"image": f"cars_train/0000{n}.jpg", "model": f"a{n}", "split": "train"} for n in range(3)]
LISTED = {"images": [{"file_name": "img/chair/0001.png"}, {"file_name": "0002.jpg"}]}
ADDED = [{"img": "my/1.jpg", "model": "chair/oslo/model"}, {"img": "photo/img/a/00.jpg"}]
LOG = [{"step": 0, "kind": "note", "text": "x"}, {"step": 1, "kind": "train", "loss": 0.5}]
MAP = b"classes:\n  bed: {photos: [ikea/beds], shapes: [bunk bed]}\n  car: {shape_ids: [a]}\n" \
      b"left_out: {photos: [x]}\nalike: [[a, b]]\n"

GALLERY = room("gallery")
save_gallery(Gallery(["a/1", "b"], ["a", ""], ["x", "y"], np.ones((2, 4, 3), np.float16), "model",
                     SETTINGS), GALLERY)
TOKENS = next(GALLERY.glob("tokens-*.npy"))

SEEDS: dict[str, tuple[str, bytes, Read]] = {
    "manifest": (".json", json_of(MANIFEST), in_place("manifest.json", read_manifest)),
    "gallery": (".json", (GALLERY / "gallery.json").read_bytes(),
                in_place("gallery.json", read_gallery)),
    "tokens": (".npy", TOKENS.read_bytes(), read_tokens),
    "instance list": (".json", json_of(INSTANCES), read_instances),
    "category list": (".txt", b"a.png 0\n# seen from above\nb 1.png 1\na.png -1\n",
                      read_pictures(labels=True)),
    "target list": (".txt", b"a.png 0\nb 1.png 1\n", read_pictures(labels=False)),
    "class names": (".txt", "bed\nchair\nStühle\n".encode(), read_names),
    "meta of a prepared copy": (".json", json_of(PREPARED),
                                in_place("meta.json", read_pieces(read_prepared))),
    "meta of drawings": (".json", json_of(DRAWINGS),
                         in_place("meta.json", read_pieces(read_drawings))),
    "meta of shapes": (".json", json_of(KINDS), in_place("meta.json", read_shapes_and_paths)),
    "families": (".json", json_of(FAMILIES), in_place("split.json", read_families)),
    "photo labels": (".json", json_of(LABELS), in_place("labels.json", read_photos)),
    "class map": (".yaml", MAP, read_map),
    "furniture split": (".json", json_of(SPLIT), read_split),
    "split facts": (".json", json_of(FACTS), in_place("split.json", read_split_facts)),
    "authors' lists": (".json", json_of(LISTED), read_both_lists),
    "duplicates": (".json", json_of(SPLIT["duplicates"]), read_duplicates),
    "pix3d": (".json", json_of(PIX3D), read_pix3d),
    "cars as json": (".json", json_of(CARS), read_cars),
    "cars as csv": (".csv", b"image,model,split\ncars_train/1.jpg,a,train\n2.jpg,b,test\n",
                    read_cars),
    "box of a car": (".txt", b"1\n1\n10 20 30 40\n", read_label),
    "owners' list": (".txt", b"image/train/bed/1.jpg 0\nimage/train/chair/2.jpg 1\n", read_owners),
    "list of one's own": (".json", json_of(ADDED), _added),
    "run log": (".jsonl", b"".join(json_of(line) + b"\n" for line in LOG), _lines),
    "views": (".npy", npy_of(np.zeros((4, 8, 8), np.uint8)), read_renderings),
}
