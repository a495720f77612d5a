"""Where the four parts of MI3DOR-1 or MI3DOR-2 lie in a copy of it, and what a part holds.

Published programs that read copies of MI3DOR expect these layouts; which of them the owners give
out today could not be determined, so all are understood, and may be mixed:

1. by the kind of data, like copies of the SHREC 2019 track: ``image/train/CLASS/*.jpg``,
   ``view/train/CLASS/SHAPE/*.png`` (or ``view/train/CLASS/SHAPE_001.png``),
   ``model/train/CLASS/SHAPE.obj``, and the same with ``test``;
2. by the side: ``train/2D/images/``, ``train/3D/images/``, ``test/2D/``, ``test/3D/`` with
   ``label.txt`` or ``labels.txt`` (MI3DOR-1) or with ``train/MI3DOR_2_Image_train_list.txt``,
   ``train/MI3DOR_2_View_train_list.txt``, and the same with ``test`` (MI3DOR-2);
3. with lists beside the folders: ``list_source_train.txt``, ``list_target_train.txt`` (the owners'
   benchmark code) or ``list_rgb_train.txt``, ``list_view_train_4views.txt`` (SC-IBSR's).

CLASS may be spelt otherwise (flower_pot, Flower Pot). A list is preferred to the names of folders,
pictures of shapes to their meshes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from crossmodal.data.walk import files_below
from crossmodal.geometry.mesh import MESH_SUFFIXES
from crossmodal.prepare.class_names import class_folders, label, labels_of
from crossmodal.prepare.picture_items import PictureItem, natural, pictures_in
from crossmodal.prepare.source_check import Needed, require
from crossmodal.prepare.source_home import find_home

PARTS = ("source_train", "target_train", "source_test", "target_test")
CLASSES = {
    1: [
        "airplane", "bed", "bicycle", "bookshelf", "camera", "car", "chair", "flower_pot",
        "guitar", "keyboard", "knife", "monitor", "motorcycle", "pistol", "plant", "radio",
        "rifle", "stairs", "tent", "vase", "wardrobe",
    ],
    2: [
        "airplane", "bathtub", "bed", "bench", "bookshelf", "bottle", "bowl", "car", "chair",
        "cone", "cup", "curtain", "desk", "door", "dresser", "flower_pot", "glass_box",
        "guitar", "keyboard", "lamp", "laptop", "mantel", "monitor", "night_stand", "person",
        "piano", "plant", "radio", "range_hood", "sink", "sofa", "stairs", "stool", "table",
        "tent", "toilet", "tv_stand", "vase", "wardrobe", "xbox",
    ],
}
_WHERE = (
    "ask the owners for it (agreement at https://github.com/tianbao-li/MI3DOR, or "
    "https://www.iti-tju.org/MI3DOR19) and unpack all of it here"
)


@dataclass(frozen=True)
class MeshItem:
    """A shape that comes as a mesh; file : relative to the copy."""

    key: str
    file: str
    label: int


@dataclass(frozen=True)
class Place:
    """Where a part lies: an owners' list, or else a folder of class folders."""

    list: Path | None
    folder: Path | None


def find_parts(source: Path, classes: Sequence[str]) -> tuple[Path, dict[str, Place]]:
    """The folder of the copy, and where each of PARTS lies in it.

    Raises MissingSource naming every part that is not there.
    """
    home = find_home(source, lambda folder: any(_places(folder, classes)))
    found = dict(_places(home, classes))
    absent = [part for part in PARTS if part not in found]
    if absent:
        require(home, [Needed(_expected(part), _WHAT[part], _WHERE) for part in absent])
    return home, found


def is_mesh(path: Path) -> bool:
    """By its name."""
    return path.suffix.lower() in MESH_SUFFIXES


def read_photos(place: Path, home: Path, names: Sequence[str]) -> list[PictureItem]:
    """The photos in a folder of class folders."""
    return [
        PictureItem(name, (name,), number)
        for number, folder in _classes(place, names)
        for name in _relative(pictures_in(folder), home)
    ]


def read_shapes(
    place: Path, home: Path, names: Sequence[str]
) -> tuple[list[PictureItem], list[MeshItem]]:
    """The shapes in a folder of class folders, with all their views; and those without views."""
    shapes: list[PictureItem] = []
    meshes: dict[str, MeshItem] = {}  # of a shape in several formats, the first
    for number, folder in _classes(place, names):
        seen: set[str] = set()
        for stem, views in _shapes_in(folder):
            seen.add(stem)
            files = tuple(_relative(views, home))
            shapes.append(PictureItem(files[0], files, number))
        for mesh in _meshes_in(folder):
            (file,) = _relative([mesh], home)
            if mesh.stem not in seen and mesh.parent.name not in seen:
                key = str(Path(file).with_suffix(""))
                meshes.setdefault(key, MeshItem(key, file, number))
    return shapes, list(meshes.values())


def head(path: Path) -> str:
    """What of a picture's name tells the shape: all but the number of the view at its end."""
    return path.stem.rstrip("0123456789")


_WHAT = {
    "source_train": "the training photos",
    "target_train": "the training shapes",
    "source_test": "the test photos",
    "target_test": "the test shapes",
}


def _lists(part: str) -> list[str]:
    domain, side = part.split("_")
    kind, word, other = ("2D", "Image", "rgb") if domain == "source" else ("3D", "View", "view")
    return [
        f"{side}/{kind}/label.txt",
        f"{side}/{kind}/labels.txt",
        f"{side}/MI3DOR_2_{word}_{side}_list.txt",
        f"list_{domain}_{side}.txt",
        f"list_{other}_{side}.txt",
        f"list_{other}_{side}_4views.txt",
    ]


def _folders(part: str) -> list[str]:
    domain, side = part.split("_")
    if domain == "source":
        return [f"image/{side}", f"{side}/2D/images", f"{side}/2D"]
    return [f"view/{side}", f"{side}/3D/images", f"{side}/3D", f"model/{side}"]


def _expected(part: str) -> str:
    folders, lists = _folders(part), _lists(part)
    return f"{folders[0]}/CLASS/, {folders[1]}/ with {lists[0]}, {lists[2]} or {lists[3]}"


def _places(home: Path, classes: Sequence[str]) -> Iterator[tuple[str, Place]]:
    labels = labels_of(classes)
    for part in PARTS:
        lists = (home / name for name in _lists(part))
        found = next((path for path in lists if path.is_file()), None)
        folders = (home / name for name in _folders(part) if (home / name).is_dir())
        folder = next(
            (
                path
                for path in folders
                if any(label(labels, c.name) is not None for c in path.iterdir() if c.is_dir())
            ),
            None,
        )
        if found or folder:
            yield part, Place(found, folder)


def _classes(place: Path, names: Sequence[str]) -> Iterator[tuple[int, Path]]:
    for number, folders in sorted(class_folders(place, names).items()):
        for folder in folders:
            yield number, folder


def _shapes_in(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """(name, views) of the shapes whose views have a folder, then of those that lie in a row."""
    for child in sorted(folder.iterdir(), key=lambda path: natural(path.name)):
        if child.is_dir():
            views = pictures_in(child)
            if views:
                yield child.name, views
    rows: dict[str, list[Path]] = {}
    for picture in pictures_in(folder):
        rows.setdefault(head(picture), []).append(picture)
    for stem, views in rows.items():
        yield stem.rstrip("-_. "), views


def _meshes_in(folder: Path) -> list[Path]:
    meshes = [path for path in files_below(folder)
              if is_mesh(path) and len(path.relative_to(folder).parts) <= 2]
    return sorted(meshes, key=lambda path: natural(str(path)))


def _relative(paths: Sequence[Path], home: Path) -> list[str]:
    return [path.relative_to(home).as_posix() for path in paths]
