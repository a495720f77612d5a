"""Which car model a photo shows: the annotations of Wang et al., or a table of one's own.

As given out (https://github.com/yangyi02/finegrained-pose, "3D Pose Estimation for Fine-Grained
Object Categories", ECCVW 2018): ``Anno3D/StanfordCars/`` and ``Anno3D/CompCars/`` with
``train_anno.pkl`` and ``test_anno.pkl``, pickled dicts of {file name: {"model_id": ShapeNet v1 id,
"azimuth", ...}}; ``train_anno_v2.pkl``, with refined poses, is read where the first is missing.
Only model_id is used here. Pickles are read through an allow-list, never run.

A table: a .csv file with the columns ``image``, ``model`` and, if wanted, ``split`` (train or
test), or a .json list of objects with these names. ``image`` is the path below the photos' folder,
``model`` the ShapeNet id.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from crossmodal.data import safe_pickle
from crossmodal.data.errors import DataError
from crossmodal.prepare.annotation_files import inside, is_name, read_json, sound_entries
from crossmodal.prepare.source_check import Needed, lacking
from crossmodal.prepare.splits import Split
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.os_errors import why
from crossmodal.runtime.safe_files import read_text

WHERE = "get it from https://github.com/yangyi02/finegrained-pose, or name it with --annotations"
PARTS = ("train", "test")
COLUMNS = ("image", "model", "split")


@dataclass(frozen=True)
class CarPhoto:
    """A photo and the model it shows."""

    image: str  # below the photos' folder
    model: str  # ShapeNet id
    part: str | None  # train or test; None: the annotations do not say

    @property
    def key(self) -> str:
        """The photo's key in the data set."""
        return str(PurePosixPath(self.image).with_suffix(""))


def lacking_annotations(path: Path) -> list[str]:
    """A complaint for everything that is not there of the annotations at `path`."""
    if _is_table(path):
        table = Needed(path.name, "the table of annotations", "see --help for its columns")
        return lacking(path.parent, [table])
    return lacking(path, [Needed(f"{part}_anno*.pkl", f"the {part} annotations", WHERE)
                          for part in PARTS])


def read_annotations(path: Path, below: Mapping[str, str]) -> list[CarPhoto]:
    """The sound annotations; others are named and counted in a warning.

    path : the folder of both pickles, or a table
    below : part -> folder, below the photos' one, of the names in its pickle ("" for none)
    Raises DataError when a file is not what it should be, or not one row of it can be used.
    """
    rows = _table_rows(path) if _is_table(path) else _pickle_rows(path, below)
    return sound_entries(rows, _photo, path, "rows")


def owners_split(photos: Iterable[CarPhoto], name: str) -> Split | None:
    """The split that the annotations carry; None unless every photo has a part."""
    parts: dict[str | None, list[str]] = {}
    for photo in photos:
        parts.setdefault(photo.part, []).append(photo.key)
    if None in parts or set(parts) != set(PARTS):
        return None
    return Split(name, "owners", f"as the annotations say ({name})", sorted(parts["train"]),
                 sorted(parts["test"]))


def _photo(row: Mapping[str, Any]) -> CarPhoto:
    image, model, part = row["image"], row["model"], row.get("split") or None
    path = inside(image, "image")
    if not path.suffix:
        raise ValueError(f"image {brief(image)} is not the path of a picture")
    if not is_name(model):
        raise ValueError(f"model {brief(model)} is no id")
    if part not in (None, *PARTS):
        raise ValueError(f"split {brief(part)} is neither train nor test")
    return CarPhoto(str(path), model, part)


def _pickle_rows(folder: Path, below: Mapping[str, str]) -> Iterable[tuple[str, dict[str, Any]]]:
    for part in PARTS:
        path = min(folder.glob(f"{part}_anno*.pkl"), key=lambda path: len(path.name))
        content = safe_pickle.load(path)
        if not isinstance(content, dict):
            raise DataError(f"{path}: expected a dict of annotations, found "
                            f"{type(content).__name__}")
        for name, found in sorted(content.items(), key=lambda item: _text(item[0])):
            about = found if isinstance(found, dict) else {}
            image = str(PurePosixPath(below[part]) / _text(name))
            yield f"{path.name}, {_text(name)}", {
                "image": image, "model": about.get("model_id"), "split": part}


def _text(name: object) -> str:
    return name if isinstance(name, str) else brief(name)


def _table_rows(path: Path) -> Iterable[tuple[str, Any]]:
    rows = _json_rows(path) if path.suffix.lower() == ".json" else _csv_rows(path)
    return ((f"row {number}", row) for number, row in enumerate(rows, 1))


def _json_rows(path: Path) -> list[Any]:
    rows = read_json(path, "see --help for its columns")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows[:1]):
        raise DataError(f"{path}: expected a list of objects with image, model and, if wanted, "
                        f"split; found {brief(rows)}")
    if rows:
        _refuse_columns(path, list(rows[0]))
    return rows


def _csv_rows(path: Path) -> list[dict[str, Any]]:
    """The rows, of which only COLUMNS are kept; blanks around a cell mean nothing."""
    try:
        lines = [line for line in csv.reader(io.StringIO(read_text(path), newline="")) if line]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path}: not a readable table: {why(error)}") from error
    names = [cell.strip() for cell in lines[0]] if lines else []
    if names:
        _refuse_columns(path, names)
    places = {name: names.index(name) for name in COLUMNS if name in names}
    return [{name: line[place].strip() if place < len(line) else None
             for name, place in places.items()} for line in lines[1:]]


def _refuse_columns(path: Path, names: list[str]) -> None:
    absent = {"image", "model"} - set(names)
    if absent:
        there = one_line(", ".join(sorted(names)[:20]))
        raise DataError(f"{path}: no column {', '.join(sorted(absent))}; expected image, model "
                        f"and, if wanted, split; found {there}")


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in (".csv", ".json")
