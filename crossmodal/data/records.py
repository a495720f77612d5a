"""The lists of a data set: which picture shows which shape.

``<root>/<name>/<name>_train.json`` and ``_test.json`` are lists of ``{"img", "mask", "category",
"model"}``, paths relative to ``<root>/<name>/``; the shape's instance name is the second-last part
of ``model``; ``mask`` may be missing (the whole frame is the object); other keys are ignored.
No path leads out of that folder, but through a link that its user has laid.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from crossmodal.data.errors import DataError, some
from crossmodal.data.makers import how_to_make
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.inside import OutsideError, inside, plain_name
from crossmodal.runtime.os_errors import why
from crossmodal.runtime.safe_files import is_file, read_json


class ShapeKey(NamedTuple):
    """The name of a shape."""

    category: str
    instance: str

    def __str__(self) -> str:
        return f"{self.category}/{self.instance}"


class QueryRecord(NamedTuple):
    """A picture, the mask of the object in it, and the shape it shows."""

    id: str  # the list's "img", unique in a list
    image: str  # path
    mask: str | None  # path, or None: the whole frame
    shape: ShapeKey

    @property
    def category(self) -> str:
        return self.shape.category


def read_list(path: Path, mask_dir: str | None = None) -> list[QueryRecord]:
    """The records of one list, checked for form and duplicates, not for files.

    mask_dir : replaces the first folder called "mask" in the mask paths.
    Raises DataError naming the list, the entry and what is wrong with it.
    """
    try:
        items = read_json(path)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such list; "
                        f"{how_to_make(path.parent.name, path.parent.parent)}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable json list: {why(error)}; make the data set again, "
                        "or mend the file") from error
    if not isinstance(items, list) or not items:
        raise DataError(f"{path}: expected a non-empty list of queries")
    records = [_record(item, f"{path}, entry {i}", path.parent, mask_dir)
               for i, item in enumerate(items)]
    _refuse_duplicates(records, path)
    return records


def _record(item: Any, where: str, folder: Path, mask_dir: str | None) -> QueryRecord:
    if not isinstance(item, dict):
        raise DataError(f"{where}: expected img, mask, category, model; found {brief(item)}")
    for key in ("img", "category", "model"):
        if not isinstance(item.get(key), str) or not item[key]:
            raise DataError(f"{where}: \"{key}\" is missing or not a text")
    mask = item.get("mask")
    if mask is not None and not isinstance(mask, str):
        raise DataError(f"{where}: \"mask\" must be a path or null")
    for key, value in (("img", item["img"]), ("mask", mask), ("model", item["model"])):
        _refuse_outside(folder, value, f"{where}, \"{key}\"")
    parts = PurePosixPath(item["model"]).parts
    if len(parts) < 2:
        raise DataError(f"{where}: model {brief(item['model'])} is not .../<instance>/<file>")
    try:
        plain_name(item["category"])
    except OutsideError as error:
        raise DataError(f"{where}, \"category\": {error}; correct this entry") from error
    return QueryRecord(
        id=item["img"],
        image=str(folder / item["img"]),
        mask=str(folder / _in_mask_dir(mask, mask_dir)) if mask else None,
        shape=ShapeKey(item["category"], parts[-2]),
    )


def _refuse_outside(folder: Path, name: str | None, where: str) -> None:
    """Raise DataError for a path that leads out of the data set; links are its user's own."""
    try:
        if name:
            inside(folder, name, links=True)
    except OutsideError as error:
        raise DataError(f"{where}: {error}; move the file, or a link to it, into {folder} and "
                        "correct this entry") from error


def _in_mask_dir(mask: str, mask_dir: str | None) -> str:
    """``mask/chair/1.png`` -> ``<mask_dir>/chair/1.png``."""
    parts = list(PurePosixPath(mask).parts)
    if mask_dir and "mask" in parts:
        parts[parts.index("mask")] = mask_dir
    return str(PurePosixPath(*parts))


def _refuse_duplicates(records: Sequence[QueryRecord], path: Path) -> None:
    seen: dict[str, int] = {}
    for i, record in enumerate(records):
        if record.id in seen:
            raise DataError(f"{path}: entries {seen[record.id]} and {i} have the same img "
                            f"{brief(record.id)}; remove one of them")
        seen[record.id] = i


def check_files(records: Sequence[QueryRecord], path: Path) -> None:
    """Raises DataError when pictures or masks of the list are not there."""
    images = [r.image for r in records if not is_file(r.image)]
    masks = [r.mask for r in records if r.mask and not is_file(r.mask)]
    if images:
        raise DataError(f"{path}: no picture for {some(images, len(records), 'queries')}; complete "
                        "the data set or remove these entries from the list")
    if masks:
        raise DataError(f"{path}: no mask for {some(masks, len(records), 'queries')}; complete the "
                        "data set, or name the folder they are in with data.mask_dir")


def check_categories(records: Iterable[QueryRecord], allowed: Sequence[str], path: Path) -> None:
    """Raises DataError for a category that is not among `allowed` (all are, if it is empty)."""
    known = set(allowed)
    for record in records:
        if allowed and record.category not in known:
            near = difflib.get_close_matches(record.category, allowed, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(allowed)}"
            raise DataError(f"{path}: unknown category {brief(record.category)} of "
                            f"{one_line(record.id)}; {hint} (data.categories)")
