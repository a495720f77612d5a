"""Which photos train and which test: the owners' split, given lists (the authors'), or ours.

Ours, ``crossmodal-split-1``: half of each shape's photos train, the larger half where they are odd,
so that a shape with one photo only trains, and every test photo's shape has been trained on, as in
the published benchmarks. Which ones: the photos of a shape are ordered by sha256 of
``crossmodal-split-1/<key>`` (hexadecimal); the first half trains. A photo's place depends on the
names of its own shape's photos only.

``split.json`` in a data set's folder says which it is; numbers on our split compare with nothing
that is published.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from crossmodal.data.errors import DataError, some
from crossmodal.prepare.annotation_files import read_json
from crossmodal.prepare.output import write_json
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.digest import file_digest
from crossmodal.runtime.inside import LONGEST
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.safe_files import is_nested

logger = get_logger(__name__)

OURS = "crossmodal-split-1"
SPLIT_FILE = "split.json"
DEEPEST = 20  # lists and tables in one another, in split.json


@dataclass(frozen=True)
class Split:
    """Keys of the photos that train and that test, sorted; whose choice it is, and how it was made.

    whose : "ours", "owners" (of the data set) or "given" (lists; their digests tell which)
    """

    name: str
    whose: str
    rule: str
    train: list[str]
    test: list[str]


def our_split(shapes: Mapping[str, str]) -> Split:
    """``crossmodal-split-1`` of {photo key: the shape it shows}."""
    photos: dict[str, list[str]] = {}
    for key, shape in shapes.items():
        photos.setdefault(shape, []).append(key)
    train: list[str] = []
    for keys in photos.values():
        train += sorted(keys, key=_place)[: (len(keys) + 1) // 2]
    test = sorted(set(shapes) - set(train))
    rule = "half of each shape's photos train, ordered by sha256 of crossmodal-split-1/<key>"
    return Split(OURS, "ours", rule, sorted(train), test)


def listed_split(
    train_json: Path, test_json: Path, keys: Iterable[str], skip_unknown: bool = False
) -> Split:
    """The split of two json lists of ``{"img": path}``, or COCO's ``{"images": [{"file_name"}]}``.

    keys : photos that the source has. An entry is a photo whose key is the end of its path, or of
        whose key its path is the end (``img/chair/0001.png``, ``0001.jpg``: chair/0001)
    skip_unknown : leave out entries that are no photo of the source, or could be several

    Raises DataError naming the list, and how many such entries there are.
    """
    known = _Keys(keys)
    lists = []
    for path in (train_json, test_json):
        names = _names(path)
        found = [known.find(name) for name in names]
        unknown = [name for name, key in zip(names, found) if key is None]
        if unknown and not (skip_unknown and len(unknown) < len(names)):
            raise DataError(f"{path}: no photo, or several, of the source for "
                            f"{some(unknown, len(names), 'entries')}; is it of this data set?")
        lists.append(sorted({key for key in found if key}))
    twice = sorted(set(lists[0]) & set(lists[1]))
    if twice:
        logger.warning("%s, %s: both have %s: these are tested on what was trained on", train_json,
                       test_json, some(twice, len(lists[1]), "test photos"))
    digests = [f"{path.name} (sha256 {file_digest(path)})" for path in (train_json, test_json)]
    name = f"lists {train_json.name}, {test_json.name}"
    return Split(name, "given", f"the lists {' and '.join(digests)}", *lists)


def write_split(folder: Path, split: Split, about: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``split.json``; returns what is in it.

    about : more that a report should say: counts, where the masks are from, what was left out
    """
    facts = {"name": split.name, "whose": split.whose, "rule": split.rule, **about}
    write_json(folder / SPLIT_FILE, facts)
    return facts


def read_split_facts(folder: Path) -> dict[str, Any] | None:
    """What ``split.json`` says, for a report to repeat; None where there is none.

    Raises DataError for a file that is no such thing.
    """
    path = folder / SPLIT_FILE
    if not path.is_file():
        return None
    remedy = "prepare the data set again, or remove the file"
    facts = read_json(path, remedy)
    if not isinstance(facts, dict) or is_nested(facts, DEEPEST) or not all(
            isinstance(facts.get(key), str) for key in ("name", "whose")):
        raise DataError(f"{path}: not a description of a split: expected the texts name and "
                        f"whose, found {brief(facts)}; {remedy}")
    return {**facts, "name": one_line(facts["name"])}


def split_notes(facts: Mapping[str, Any] | None) -> list[str]:
    """What a report with numbers must say of a split: a sentence where it is ours, else nothing.

    facts : of `read_split_facts`
    """
    if facts is None or facts["whose"] != "ours":
        return []
    return [f"the data set's split is ours ({facts['name']}), not the paper's: numbers on it "
            "compare with nothing that is published"]


def _place(key: str) -> str:
    return hashlib.sha256(f"{OURS}/{key}".encode("utf-8", "backslashreplace")).hexdigest()


class _Keys:
    """Finds the photo that a path of a list means."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.all = set(keys)
        self.deepest = max((key.count("/") + 1 for key in self.all), default=0)
        self.backwards = sorted((_backwards(key), key) for key in self.all)

    def find(self, path: str) -> str | None:
        whole_name = PurePosixPath(path.replace("\\", "/"))
        name = str(whole_name.with_suffix("")) if whole_name.name else ""
        return self._in(name) or self._end_of(name)

    def _in(self, name: str) -> str | None:
        """The key that is the end of a name; of several the longest."""
        parts = PurePosixPath(name).parts
        ends = ("/".join(parts[-count:]) for count in
                range(min(len(parts), self.deepest), 0, -1))
        return next((end for end in ends if end in self.all), None)

    def _end_of(self, name: str) -> str | None:
        """The one key whose end is a name."""
        end = _backwards(name)
        place = bisect_left(self.backwards, (end, ""))
        fitting = [key for parts, key in self.backwards[place:place + 2]
                   if parts[:len(end)] == end]
        return fitting[0] if name and len(fitting) == 1 else None


def _backwards(path: str) -> tuple[str, ...]:
    """``a/b/c`` -> (c, b, a)."""
    return PurePosixPath(path).parts[::-1]


def _names(path: Path) -> list[str]:
    """The pictures that a list names."""
    content = read_json(path, "expected a list of {\"img\": path}")
    images = content.get("images") if isinstance(content, dict) else content
    if not isinstance(images, list) or not images:
        raise DataError(f"{path}: not a json list of {{\"img\": path}}, it names no pictures: "
                        f"{brief(images)}")
    names = []
    for number, item in enumerate(images):
        is_table = isinstance(item, dict)
        name = item.get("img", item.get("file_name")) if is_table else None
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST:
            raise DataError(f"{path}, entry {number}: expected {{\"img\": path}}, it names no "
                            f"pictures: {brief(item)}")
        names.append(name)
    return names
