"""Where the class-level data set comes from: folders of labelled photos and of named meshes.

Photos : a catalogue (``photo/ARTICLE.jpg``, ``labels.json``: {ARTICLE: {"type", "category"}}) or
one folder a category (``airplanes/image_0001.jpg``).
Shapes : ``mesh/ID.npz`` (or ``meshes/``) and ``meta.json``: a list of {"id", "name", "category"} or
{"shapes": {ID: {"category"}}}; ``split.json`` may name groups of duplicates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossmodal.data.errors import DataError
from crossmodal.data.groups import is_groups, join_groups
from crossmodal.data.walk import files_below
from crossmodal.prepare.annotation_files import name_of, read_json, sound_rows, text
from crossmodal.prepare.furniture import slug
from crossmodal.runtime.brief import brief
from crossmodal.runtime.digest import file_digest

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png")
DUPLICATES = ("duplicates", "near_duplicates_loose")
CREDIT = ("creator", "license")


@dataclass(frozen=True)
class Photo:
    """id : unique, also its path in the data set; kinds : what the source calls it, finest last."""

    id: str
    path: Path
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Shape:
    """id : unique among all sources; name : what its source calls it.

    family : shapes of one family (variants of one model) go to one side of the split
    credit : creator and licence, as far as the source names them
    """

    id: str
    source: str
    name: str
    path: Path
    family: str
    credit: str = ""

    @property
    def key(self) -> str:
        """source/id, its path in the data set."""
        return f"{self.source}/{self.id}"


def read_catalogue(folder: Path) -> list[Photo]:
    """Photos ``ikea/<article>``, called ``ikea/<category>`` and ``ikea/<category>/<type>``."""
    path = folder / "labels.json"
    labels = read_json(path, "get the catalogue again")
    if not isinstance(labels, dict):
        raise DataError(f"{path}: not a list of labelled photos, but {brief(labels)}")
    rows = ((f"photo {article}", (article, labels[article])) for article in sorted(labels))
    return sound_rows(rows, lambda row: _photo(folder, *row), path, "photos")


def _photo(folder: Path, article: str, label: Any) -> Photo:
    name = name_of(article, "article")
    kind = f"ikea/{text(label, 'category')}"
    return Photo(f"ikea/{name}", folder / "photo" / f"{name}.jpg",
                 (kind, f"{kind}/{text(label, 'type')}"))


def read_folders(folder: Path) -> list[Photo]:
    """Photos ``caltech/<category>/<stem>``, called ``caltech/<category>``."""
    photos = [
        Photo(f"caltech/{path.parent.name}/{path.stem}", path, (f"caltech/{path.parent.name}",))
        for path in files_below(folder)
        if path.suffix.lower() in PHOTO_SUFFIXES and path.parent.parent == folder
    ]
    if not photos:
        raise FileNotFoundError(f"{folder}: no photo in it; expected category/name.jpg")
    return photos


def read_shapes(folders: Sequence[Path]) -> list[Shape]:
    """The shapes of all folders. Raises DataError naming both folders when an id comes twice."""
    found: dict[str, Shape] = {}
    for folder in folders:
        for shape in _read_shapes(folder):
            other = found.setdefault(shape.id, shape)
            if other is not shape:
                raise DataError(f"shape {shape.id} is both {other.path} and {shape.path}")
    return list(found.values())


def check_names(names: Iterable[str]) -> None:
    """Raise DataError on a name that cannot stand in a list, whose columns are set by spaces."""
    spaced = [name for name in names if any(letter.isspace() for letter in name)]
    if spaced:
        raise DataError(
            f"{len(spaced)} names have spaces (first: {spaced[0]!r}), which the lists cannot hold: "
            "rename these files or folders"
        )


def same_files(photos: Iterable[Photo]) -> dict[str, str]:
    """{photo: first photo that is the same file}: a catalogue shows one picture for two sizes."""
    first: dict[str, str] = {}
    return {
        photo.id: first.setdefault(file_digest(photo.path), photo.id)
        for photo in sorted(photos, key=lambda photo: photo.id)
    }


def _read_shapes(folder: Path) -> list[Shape]:
    """The sound shapes of a folder; others are named and counted in a warning."""
    path = folder / "meta.json"
    meshes = folder / ("mesh" if (folder / "mesh").is_dir() else "meshes")
    source = slug(folder.resolve().name)
    families = _families(folder)

    def shape(record: Any) -> Shape:
        name = name_of(text(record, "id"), "id")
        return Shape(
            id=name,
            source=source,
            name=text(record, "name" if "name" in record else "category"),
            path=meshes / f"{name}.npz",
            family=f"{source}/{families.get(name, _model(record))}",
            credit=", ".join(text(record, key) for key in CREDIT if record.get(key)),
        )

    return sound_rows(_records(path), shape, path, "shapes")


def _records(path: Path) -> list[tuple[str, Any]]:
    """(where, record) of the shapes in a meta.json of either form."""
    content = read_json(path, "get the meshes again")
    shapes = content.get("shapes") if isinstance(content, dict) else content
    if isinstance(shapes, list):
        return [(f"entry {number}", record) for number, record in enumerate(shapes)]
    if not isinstance(shapes, dict):
        raise DataError(f"{path}: not a list of shapes, but {brief(shapes)}")
    return [(f"shape {name}", {"id": name, **about} if isinstance(about, dict) else about)
            for name, about in shapes.items()]


def _model(record: dict[str, Any]) -> str:
    """``747/Models/744.ac`` and ``747/Models/74N.ac`` are of one family, named by its folder."""
    parts = str(record.get("source", "")).split("/")
    return parts[0] if len(parts) > 1 else str(record["id"])


def _families(folder: Path) -> dict[str, str]:
    """{shape: first shape of its group of duplicates}, where there is a ``split.json``."""
    path = folder / "split.json"
    if not path.is_file():
        return {}
    content = read_json(path, "get it again, or remove it")
    groups: list[list[str]] = []
    for name in DUPLICATES:
        found = content.get(name, []) if isinstance(content, dict) else None
        if not is_groups(found):
            raise DataError(f"{path}: {name} is no list of groups of ids, but {brief(found)}; get "
                            "it again, or remove it")
        groups += found or []
    joined = join_groups(groups)
    return {name: min(group) for name, group in joined.items()}
