"""Where the class-level data set comes from: folders of labelled photos and of named meshes.

Photos : a catalogue (``photo/ARTICLE.jpg``, ``labels.json``: {ARTICLE: {"type", "category"}}) or
one folder a category (``airplanes/image_0001.jpg``).
Shapes : ``mesh/ID.npz`` (or ``meshes/``) and ``meta.json``: a list of {"id", "name", "category"} or
{"shapes": {ID: {"category"}}}; ``split.json`` may name groups of duplicates.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossmodal.data.errors import DataError
from crossmodal.data.walk import files_below
from crossmodal.prepare.furniture import slug
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
    try:
        labels = json.loads(path.read_text(encoding="utf-8-sig"))
        return [
            Photo(
                f"ikea/{article}",
                folder / "photo" / f"{article}.jpg",
                (f"ikea/{label['category']}", f"ikea/{label['category']}/{label['type']}"),
            )
            for article, label in sorted(labels.items())
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(_complaint(path, "labelled photos", error)) from error


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
    path = folder / "meta.json"
    meshes = folder / ("mesh" if (folder / "mesh").is_dir() else "meshes")
    source = slug(folder.resolve().name)
    try:
        families = _families(folder)
        return [
            Shape(
                id=record["id"],
                source=source,
                name=record.get("name", record["category"]),
                path=meshes / f"{record['id']}.npz",
                family=f"{source}/{families.get(record['id'], _model(record))}",
                credit=", ".join(record[key] for key in CREDIT if record.get(key)),
            )
            for record in _records(json.loads(path.read_text(encoding="utf-8-sig")))
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(_complaint(path, "shapes", error)) from error


def _records(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, dict):
        return [{"id": name, **about} for name, about in content["shapes"].items()]
    return list(content)


def _model(record: dict[str, Any]) -> str:
    """``747/Models/744.ac`` and ``747/Models/74N.ac`` are of one family, named by its folder."""
    parts = str(record.get("source", "")).split("/")
    return parts[0] if len(parts) > 1 else str(record["id"])


def _families(folder: Path) -> dict[str, str]:
    """{shape: first shape of its group of duplicates}, where there is a ``split.json``."""
    path = folder / "split.json"
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    return _joined(group for name in DUPLICATES for group in content.get(name, []))


def _joined(groups: Iterable[Sequence[str]]) -> dict[str, str]:
    """Groups that share a member become one: {member: the group's name}."""
    joined: dict[str, str] = {}
    for group in groups:
        touched = {joined.get(member, member) for member in group}
        name = min(touched)
        joined.update({member: name for member in group})
        joined.update({member: name for member, old in joined.items() if old in touched})
    return joined


def _complaint(path: Path, what: str, error: Exception) -> str:
    return f"{path}: not a list of {what} ({type(error).__name__}: {error})"
