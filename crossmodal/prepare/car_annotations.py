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
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from crossmodal.data import safe_pickle
from crossmodal.data.errors import DataError, some
from crossmodal.prepare.source_check import Needed
from crossmodal.prepare.splits import Split
from crossmodal.runtime.log import get_logger

logger = get_logger(__name__)

WHERE = "get it from https://github.com/yangyi02/finegrained-pose, or name it with --annotations"
PARTS = ("train", "test")


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


def annotation_needs(path: Path) -> list[Needed]:
    """What must be there to read annotations at `path`, relative to its parent."""
    if path.suffix.lower() in (".csv", ".json"):
        return [Needed(path.name, "the table of annotations", "see --help for its columns")]
    return [Needed(f"{path.name}/{part}_anno*.pkl", f"the {part} annotations", WHERE)
            for part in PARTS]


def read_annotations(path: Path, below: Mapping[str, str]) -> list[CarPhoto]:
    """The sound annotations; others are named and counted in a warning.

    path : the folder of both pickles, or a table
    below : part -> folder, below the photos' one, of the names in its pickle ("" for none)
    Raises DataError when a file is not what it should be, or not one row of it can be used.
    """
    table = path.suffix.lower() in (".csv", ".json")
    rows = list(_table_rows(path) if table else _pickle_rows(path, below))
    found: dict[str, CarPhoto] = {}
    bad = []
    for where, row in rows:
        try:
            photo = _photo(row)
            if photo.key in found:
                raise ValueError(f"a second {photo.image}")
            found[photo.key] = photo
        except (KeyError, TypeError, ValueError) as error:
            bad.append(f"{where}: {type(error).__name__}: {error}")
    if not found:
        reason = f"no row can be used, {some(bad, len(rows), 'rows')}" if bad else "it has no rows"
        raise DataError(f"{path}: {reason}")
    if bad:
        logger.warning("%s: left out, not usable: %s", path, some(bad, len(rows), "rows"))
    return list(found.values())


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
    path = PurePosixPath(image)
    if not path.suffix or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"image {image!r} is not the path of a picture below the photos' folder")
    if not isinstance(model, str) or len(PurePosixPath(model).parts) != 1 or model == "..":
        raise ValueError(f"model {model!r} is no id")
    if part not in (None, *PARTS):
        raise ValueError(f"split {part!r} is neither train nor test")
    return CarPhoto(str(path), model, part)


def _pickle_rows(folder: Path, below: Mapping[str, str]) -> Iterable[tuple[str, dict[str, Any]]]:
    for part in PARTS:
        path = min(folder.glob(f"{part}_anno*.pkl"), key=lambda path: len(path.name))
        content = safe_pickle.load(path)
        if not isinstance(content, dict):
            raise DataError(f"{path}: expected a dict of annotations, found "
                            f"{type(content).__name__}")
        for name in sorted(content):
            about = content[name] if isinstance(content[name], dict) else {}
            image = str(PurePosixPath(below[part]) / str(name))
            yield f"{path.name}, {name}", {
                "image": image, "model": about.get("model_id"), "split": part}


def _table_rows(path: Path) -> Iterable[tuple[str, Any]]:
    try:
        if path.suffix.lower() == ".json":
            rows = json.loads(path.read_text(encoding="utf-8-sig"))
            names = set(rows[0]) if isinstance(rows, list) and rows else {"image", "model"}
        else:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                rows, names = list(reader), set(reader.fieldnames or ())
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise DataError(f"{path}: not a readable table: {error}") from error
    lacking = {"image", "model"} - names
    if lacking or not isinstance(rows, list):
        raise DataError(f"{path}: no column {', '.join(sorted(lacking))}; expected image, model "
                        f"and, if wanted, split; found {', '.join(sorted(map(str, names)))}")
    return ((f"row {number}", row) for number, row in enumerate(rows, 1))
