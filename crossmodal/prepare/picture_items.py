"""Pictures that stay where their owners' copy has them: found, looked at, and pointed at by lists.

Each is decoded once; one that cannot be read costs its item, is named in the manifest and left out
of the lists. Lists hold paths relative to their own folder, with symbolic links to it resolved, so
that folder and copy may be moved together. To a copy that lies elsewhere than the data sets there
is a link, ``pictures``, in that folder: nothing is read through a list alone that is nowhere near.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossmodal.data.errors import SampleError
from crossmodal.data.image_lists import SUFFIXES
from crossmodal.data.images import read_rgb
from crossmodal.data.walk import is_hidden
from crossmodal.prepare.list_files import ListItem, refuse_unlistable
from crossmodal.prepare.manifest import Manifest
from crossmodal.prepare.runner import Item, Task, run
from crossmodal.prepare.source_check import Cost
from crossmodal.prepare.splits import Split, write_split
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.paths import REPO_ROOT

logger = get_logger(__name__)

LOOK = Cost(0.005, 300)  # of one picture: to decode a photo, small; lines of list and manifest
LINK = "pictures"  # in a data set's folder: the copy its pictures are in
LEAST = 64  # pixels that a JPEG is decoded to, at least


@dataclass(frozen=True)
class PictureItem:
    """A photo, or the views of a shape.

    key : unique name; files : relative to the copy; problem : what is already known to be wrong
    """

    key: str
    files: tuple[str, ...]
    label: int
    problem: str = ""


def pictures_in(folder: Path) -> list[Path]:
    """The pictures in a folder itself, in the order of the numbers in their names."""
    found = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()]
    return sorted((p for p in found if not is_hidden(p.name)), key=lambda p: natural(p.name))


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """A sort key: ``view_2`` before ``view_10``."""
    pieces = re.findall(r"\d+|\D+", name)
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in pieces], name


def look_at(
    program: str,
    items: Sequence[PictureItem],
    home: Path,
    folder: Path,
    workers: int | None = None,
    redo: bool = False,
) -> Manifest:
    """Look at the pictures of all items; the manifest, in `folder`, says which are sound.

    home : folder of the copy; folder : of the lists
    Raises RuntimeError when there is not one.
    """
    tasks = {item.key: Item(home, _facts(item, home)) for item in items}
    return run(program, tasks, _look, folder, {}, workers, redo)


def sound(items: Iterable[PictureItem], manifest: Manifest) -> list[PictureItem]:
    """Those of which every picture could be read."""
    by_key = {item.key: item for item in items}
    return [by_key[key] for key in manifest.done(by_key)]


def write_facts(
    folder: Path, split: Split, about: Mapping[str, Any], manifest: Manifest
) -> dict[str, Any]:
    """Write ``split.json``, for reports, and say the same in the manifest; what they say."""
    facts = write_split(folder, split, about)
    manifest.about = {"split": facts}
    manifest.save()
    return facts


def list_items(items: Iterable[PictureItem], home: Path, folder: Path) -> list[ListItem]:
    """What the list in `folder` says of items in the copy at `home`."""
    near = _near(home, folder)
    return [([list_path(near / name, folder) for name in i.files], i.label) for i in items]


def list_path(picture: Path, folder: Path) -> str:
    """A picture's path as a list in `folder` has it."""
    path = Path(os.path.relpath(picture.absolute(), folder.resolve())).as_posix()
    return f"./{path}" if path.startswith(("#", " ")) else path


def _near(home: Path, folder: Path) -> Path:
    """The copy, or a link to it in `folder` where lists may not point at it as it lies."""
    place, link = home.resolve(), folder.resolve() / LINK
    if any(root in (place, *place.parents) for root in (folder.parent.resolve(), REPO_ROOT)):
        return home
    if link.is_symlink() and link.resolve() == place:
        return link
    try:
        if link.is_symlink():
            link.unlink()
        link.symlink_to(os.path.relpath(place, link.parent), target_is_directory=True)
    except (OSError, ValueError, NotImplementedError):  # a disk that knows no links
        logger.warning("%s lies elsewhere than %s: set data.root to a folder that holds both", home,
                       folder)
        return home
    return link


def _facts(item: PictureItem, home: Path) -> dict[str, Any]:
    sizes = [_size(home / name) for name in item.files]
    facts: dict[str, Any] = {"files": list(item.files), "bytes": sizes}
    return {**facts, "problem": item.problem} if item.problem else facts


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return -1


def _look(task: Task) -> dict[str, Any]:
    if task.facts.get("problem"):
        raise SampleError(task.facts["problem"])
    for name in task.facts["files"]:
        refuse_unlistable(name)
        read_rgb(task.source / name, LEAST)
    return {"files": []}
