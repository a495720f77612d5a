"""Lists of pictures in the released format, and folders: what the category level reads.

A list has one ``path label`` a line; blank lines and lines that begin with ``#`` are skipped. Paths
are relative to the list's folder, or else as given; either way they lie below a folder that is
named: the list's own, the current one, or one of `roots`. A shape's views are consecutive lines;
their names are looked at to notice a wrong number of views (`view_names`). A folder in the place of
a list has one folder a class: ``class/picture``, or ``class/shape/view``.
"""
from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from crossmodal.data.errors import DataError, some
from crossmodal.data.view_names import Line, check_views, lines_of
from crossmodal.data.walk import files_below
from crossmodal.runtime.brief import brief
from crossmodal.runtime.os_errors import why
from crossmodal.runtime.paths import REPO_ROOT
from crossmodal.runtime.safe_files import is_file, read_text

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".heic", ".heif",
            ".avif")
MOST_LINES = 2_000_000  # of a list
TRIED = 10_000  # lines that are tried to see what a list's paths are relative to
LONGEST_LABEL = 20  # digits
_PICTURE = re.compile(r"(.*\.(?:png|jpe?g|bmp|webp|tiff?|gif))(?:\s.*)?$", re.IGNORECASE)


class Item(NamedTuple):
    """A picture, or the views of a shape, kept together."""

    id: str  # as the list names the first of its files
    files: tuple[str, ...]  # V paths
    label: Optional[int]  # noqa: UP045 - class number; -1: none of the classes; None: not read


def read_items(source: Path, views: int = 1, labels: bool = True,
               class_names: Sequence[str] = (), grouping: str = "shapes",
               roots: Iterable[Path] = ()) -> list[Item]:
    """Items of a list or a folder, in their order; the files are known to exist.

    Parameters
    ----------
    views : pictures of one item, consecutive lines of a list, or all of a folder
    labels : False for a target domain: labels are not looked at, they may be missing or wrong
    class_names : for a folder, the class of each label; none: its folders' names, sorted
    grouping : "shapes", an item's pictures must be one shape's by name and label; "lines", any
        ``views`` consecutive pictures are an item, of the first one's label, and what is left over
        at the end is left out (as released, where four photos of Office-31 became one shape)
    roots : folders that pictures of a list may lie below, besides the list's, the current one and
        the repository's

    Raises DataError naming the list, the line and the remedy.
    """
    if source.is_dir():
        lines = _folder_lines(source, views if grouping == "shapes" else 1, labels, class_names)
    else:
        lines = _list_lines(source, labels, _Places([source.parent, Path.cwd(), REPO_ROOT, *roots]))
    if not lines:
        raise DataError(f"{source}: there is no picture in it")
    items = _group(lines, views, source) if grouping == "shapes" else _cut(lines, views)
    if not items:
        raise DataError(f"{source}: {len(lines)} pictures are not one item of {views} views; set "
                        "data.views")
    _check_files(lines, source)
    return items


def class_names(path: Path, count: int) -> list[str]:
    """Names of ``count`` classes, from a file of one name a line; their numbers without one.

    Raises DataError where the file has fewer names than there are classes.
    """
    names = read_names(path)
    if names is None:
        return [str(number) for number in range(count)]
    if len(names) < count:
        raise DataError(f"{path}: {len(names)} class names, but label {count - 1} is in use; add "
                        "the missing names or correct the list")
    return names


def folder_classes(folder: Path) -> list[str]:
    """Names of the class folders that hold a picture, sorted."""
    return sorted({path.relative_to(folder).parts[0] for path in _pictures(folder)})


def read_names(path: Path) -> list[str] | None:
    """Names, one a line; None where there is no such file."""
    if not path.is_file():
        return None
    return [line.strip() for line in _text(path).split("\n") if line.strip()]


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such list or folder; make the data with the programs of "
                        "crossmodal.prepare, or name another one") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable list: {why(error)}") from error


class _Places:
    """The folders that pictures may lie below."""

    def __init__(self, folders: Iterable[Path]) -> None:
        both = [call(folder) for folder in folders for call in (os.path.abspath, os.path.realpath)]
        self.starts = tuple(f"{folder.rstrip(os.sep)}{os.sep}" for folder in dict.fromkeys(both))

    def hold(self, path: str) -> bool:
        """Whether a path leads below one of them, links that a user has laid followed."""
        try:
            return f"{os.path.abspath(path)}".startswith(self.starts) or (
                os.path.realpath(path).startswith(self.starts))
        except (OSError, ValueError):
            return True  # there is no such file, as is said elsewhere


def _list_lines(path: Path, labels: bool, places: _Places) -> list[Line]:
    found = []
    texts = _text(path).split("\n")
    if len(texts) > MOST_LINES:
        raise DataError(f"{path}: {len(texts)} lines; at most {MOST_LINES} are read: split it")
    for number, text in enumerate(texts, 1):
        if text.strip() and not text.lstrip().startswith("#"):
            name, label = _parse(text.strip(), labels, f"{path}, line {number}")
            found.append(Line(number, name, name, label))
    folder = str(path.parent)
    if any(is_file(os.path.join(folder, line.name)) for line in found[:TRIED]):  # noqa: PTH118
        found = [line._replace(path=str(path.parent / line.name)) for line in found]
    for line in found:
        if not places.hold(line.path):
            raise DataError(f"{path}, line {line.number}: {brief(line.name)} leads out of the data "
                            "set; if it is yours, set data.root to a folder that holds it")
    return found


def _parse(line: str, labels: bool, where: str) -> tuple[str, int | None]:
    """``chairs/a 1.png 3`` -> ("chairs/a 1.png", 3)."""
    if not labels:
        picture = _PICTURE.match(line)
        return picture.group(1) if picture else line.rsplit(None, 1)[0], None
    bare = line.lower().endswith(SUFFIXES)
    name, label = [*([line] if bare else line.rsplit(None, 1)), ""][:2]
    try:
        number = int(label[:LONGEST_LABEL])
        if len(label) > LONGEST_LABEL:
            raise ValueError("no label has so many digits")
    except ValueError as error:
        raise DataError(f"{where}: expected \"path label\" with a whole number as label, found "
                        f"{brief(line)}") from error
    if number < -1 or not name:
        raise DataError(f"{where}: label {number} of {brief(name)}: labels count from 0 (-1: none "
                        "of the classes)")
    return name, number


def _folder_lines(folder: Path, views: int, labels: bool, names: Sequence[str]) -> list[Line]:
    """Pictures of a tree; the first folder's name is the class."""
    files = _pictures(folder)
    known = list(names) or folder_classes(folder)
    number = {name: i for i, name in enumerate(known)}
    lines = []
    for path in files:
        inside = path.relative_to(folder)
        first = inside.parts[0]
        if labels and (first not in number or len(inside.parts) == 1):
            raise DataError(f"{path}: not in the folder of a class; known: {', '.join(known)} "
                            "(data.class_names)")
        lines.append(Line(0, inside.as_posix(), str(path), number[first] if labels else None))
    if views > 1:
        _check_folders(files, views, folder)
    return lines


def _pictures(folder: Path) -> list[Path]:
    return [path for path in files_below(folder) if path.suffix.lower() in SUFFIXES]


def _check_folders(files: Sequence[Path], views: int, folder: Path) -> None:
    counts: dict[Path, int] = {}
    for path in files:
        counts[path.parent] = counts.get(path.parent, 0) + 1
    wrong = [f"{place} with {count}" for place, count in counts.items() if count != views]
    if wrong:
        raise DataError(f"{folder}: expected {views} views in each shape's folder; not so in "
                        f"{some(wrong, len(counts), 'folders')}; render the missing ones or set "
                        "data.views")


def _group(lines: Sequence[Line], views: int, source: Path) -> list[Item]:
    """``views`` consecutive lines an item."""
    if len(lines) % views:
        raise DataError(f"{source}: {len(lines)} pictures are not a whole number of shapes of "
                        f"{views} views; complete the last shape or set data.views")
    if views > 1:
        check_views(lines, views, source)
    items = []
    for start in range(0, len(lines), views):
        group = lines[start:start + views]
        if len({line.label for line in group}) > 1:
            raise DataError(f"{lines_of(group, source)}: the {views} views of one shape have "
                            "different labels; is data.views right?")
        items.append(Item(group[0].name, tuple(line.path for line in group), group[0].label))
    return items


def _cut(lines: Sequence[Line], views: int) -> list[Item]:
    """``views`` consecutive lines an item, whatever they show."""
    starts = range(0, len(lines) - views + 1, views)
    return [Item(lines[start].name, tuple(line.path for line in lines[start:start + views]),
                 lines[start].label) for start in starts]


def _check_files(lines: Sequence[Line], source: Path) -> None:
    missing = [f"line {line.number}: {line.path}" for line in lines if not is_file(line.path)]
    if missing:
        raise DataError(f"{source}: no file for {some(missing, len(lines), 'pictures')}; complete "
                        "the data set or remove these lines")

