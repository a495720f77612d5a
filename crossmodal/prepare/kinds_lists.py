"""Split and lists of the class-level data set, the same for the same items on any machine.

A list has one ``path label`` a line; a shape's views are consecutive lines. Labels are the lines of
``classes.txt``, from 0; a distractor has the label -1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crossmodal.data.errors import DataError
from crossmodal.prepare.kinds_store import photo_path, view_paths
from crossmodal.prepare.list_files import ListItem, write_items, write_lines
from crossmodal.runtime.digest import text_digest
from crossmodal.runtime.log import get_logger

logger = get_logger(__name__)

DISTRACTOR = -1


@dataclass(frozen=True)
class Limits:
    """How a class is split, and how much of it is used; what is over a limit is in no list."""

    minimum: int = 5  # photos and shapes that a class must have
    photo_share: float = 0.7  # of a class's photos train, the others test
    shape_share: float = 0.5  # of a class's shapes train, the others are the gallery
    train_photos: int = 80  # of a class, at most
    test_photos: int = 40
    train_shapes: int = 50
    gallery_shapes: int = 50


@dataclass(frozen=True)
class Kinds:
    """What there is: sound photos and shapes of each class, and the other shapes.

    photos, shapes : {class: {id or key: family}}; one family is on one side of the split
    The keys of `photos` and of `shapes` are the classes, in the order of their labels.
    """

    photos: dict[str, dict[str, str]]
    shapes: dict[str, dict[str, str]]
    distractors: list[str]


@dataclass(frozen=True)
class Parts:
    """Ids of one class in order of the draw."""

    train: list[str]
    test: list[str]


Split = dict[str, tuple[Parts, Parts]]  # of each class, its photos and its shapes


def split_classes(kinds: Kinds, limits: Limits) -> Split:
    """The split of every class that is large enough; the others are named in a warning.

    Raises DataError when no class is large enough.
    """
    parts: Split = {}
    for name, photos in kinds.photos.items():
        shapes = kinds.shapes[name]
        if min(len(photos), len(shapes)) < limits.minimum:
            logger.warning("no class %s: %d photos, %d shapes", name, len(photos), len(shapes))
            continue
        parts[name] = (
            split(photos, limits.photo_share, (limits.train_photos, limits.test_photos)),
            split(shapes, limits.shape_share, (limits.train_shapes, limits.gallery_shapes)),
        )
    if not parts:
        raise DataError(f"no class has {limits.minimum} photos and {limits.minimum} shapes")
    return parts


def split(families: Mapping[str, str], share: float, most: tuple[int, int]) -> Parts:
    """Split {id: family} so that `share` of the ids train and no family is on both sides.

    most : ids kept of the training and of the test side. The order of families is that of the
    sha256 of their names; each goes to training as long as it fits there.
    """
    members: dict[str, list[str]] = {}
    for name in sorted(families):
        members.setdefault(families[name], []).append(name)
    room = round(share * len(families))
    train: list[str] = []
    test: list[str] = []
    for family in sorted(members, key=_draw):
        fits = len(train) + len(members[family]) <= room
        (train if fits else test).extend(members[family])
    return Parts(train[: most[0]], test[: most[1]])


def write_lists(folder: Path, parts: Split, distractors: Sequence[str], views: int) -> None:
    """Write classes.txt and the five lists."""
    write_lines(folder / "classes.txt", parts)
    for side in ("train", "test"):
        photos: list[ListItem] = []
        shapes: list[ListItem] = []
        for label, name in enumerate(parts):
            of_photos, of_shapes = (sorted(getattr(part, side)) for part in parts[name])
            photos += [([photo_path(photo)], label) for photo in of_photos]
            shapes += [(view_paths(key, views), label) for key in of_shapes]
        write_items(folder / f"source_{side}.txt", photos)
        write_items(folder / f"target_{side}.txt", shapes)
    others = [(view_paths(key, views), DISTRACTOR) for key in sorted(distractors)]
    write_items(folder / "target_test_all.txt", [*shapes, *others])


def _draw(name: str) -> str:
    return text_digest(name)
