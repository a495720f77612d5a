"""The owners' lists of MI3DOR: ``path label`` lines, whatever their paths are relative to.

The label is the last field; the path may have spaces, backslashes, a leading slash, or the folders
of the machine it was made on. Of a shape there are the views, on consecutive lines, or one line,
that names its folder or any file in it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from crossmodal.data.errors import DataError, some
from crossmodal.data.image_lists import LONGEST_LABEL, MOST_LINES
from crossmodal.prepare.class_names import label, labels_of
from crossmodal.prepare.mi3dor_source import MeshItem, head, is_mesh
from crossmodal.prepare.picture_items import PictureItem, pictures_in
from crossmodal.runtime.brief import brief, one_line
from crossmodal.runtime.inside import inside
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.os_errors import why
from crossmodal.runtime.safe_files import read_text

logger = get_logger(__name__)

TRIED = 200  # lines of a list that are tried to see what its paths are relative to

Line = tuple[str, int]


@dataclass(frozen=True)
class OwnersList:
    """A list and its lines; a path of it is found in `base`, without its `cut` first parts."""

    path: Path
    lines: list[Line]
    base: Path
    cut: int

    def locate(self, name: str) -> Path:
        """The place of a line's path; nothing need be there."""
        return Path(os.path.normpath(self.base.joinpath(*_parts(name)[self.cut :])))


def read_list(path: Path, home: Path, part: str) -> OwnersList:
    """A list of one part of the copy at `home`.

    Raises DataError naming the line that is not "path label", and where no file is found.
    """
    try:
        texts = read_text(path).split("\n")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable list: {why(error)}") from error
    if len(texts) > MOST_LINES:
        raise DataError(f"{path}: {len(texts)} lines; at most {MOST_LINES} are read")
    found = [_line(line, f"{path}, line {n}") for n, line in enumerate(texts, 1)]
    lines = [line for line in found if line]
    for name, _ in lines[:TRIED]:
        parts = _parts(name)
        for cut in range(len(parts)):
            for base in _bases(path, home, part):
                place = base.joinpath(*parts[cut:])
                if place.exists() or (cut < len(parts) - 1 and place.parent.is_dir()):
                    return _of_the_copy(OwnersList(path, lines, base, cut), home)
    first = brief(lines[0][0]) if lines else "it has no line"
    raise DataError(f"{path}: none of its files is there (first: {first}); unpack all of the copy")


def _of_the_copy(found: OwnersList, home: Path) -> OwnersList:
    """A list without the lines that lead out of the copy; they are named and counted."""
    start = os.path.join(os.path.abspath(home), "")  # noqa: PTH118, PTH100 - fast, of many lines
    lines = [line for line in found.lines
             if os.path.abspath(found.locate(line[0])).startswith(start)]  # noqa: PTH100
    if len(lines) < len(found.lines):
        kept = set(lines)
        out = [brief(line[0]) for line in found.lines if line not in kept]
        logger.warning("%s: left out, as they lie outside of %s: %s", found.path, home,
                       some(out, len(found.lines), "lines"))
    return replace(found, lines=lines)


def names_of_labels(lists: Iterable[OwnersList], classes: Sequence[str]) -> tuple[list[str], int]:
    """Class names in the order of the lists' labels, and what these count from (0 or 1).

    The name of a label is the class that its files lie in; where files lie in no class folder,
    labels are taken to be in the order of `classes`. Raises DataError where that cannot be.
    """
    lines = [line for found in lists for line in found.lines]
    given = {number for _, number in lines}
    start = 1 if given and min(given) == 1 and max(given) == len(classes) else 0
    wrong = sorted(number for number in given if not start <= number < start + len(classes))
    if wrong:
        raise DataError(f"label {wrong[0]} in the lists, but there are {len(classes)} classes; is "
                        "--set right?")
    votes = _votes(lines, labels_of(classes))
    names = [
        classes[votes[number + start].most_common(1)[0][0]] if votes.get(number + start) else ""
        for number in range(len(classes))
    ]
    _warn_strays(votes)
    if not any(names):
        return list(classes), start
    rest = [name for name in classes if name not in names]
    names = [name or rest.pop(0) for name in names]
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise DataError(f"several labels of the lists are class {twice}, by the folders of their "
                        "files; is --set right?")
    return names, start


def listed_photos(found: OwnersList, home: Path, start: int) -> list[PictureItem]:
    """The photos of a list; one that comes again is kept once."""
    items: dict[str, PictureItem] = {}
    for name, number in found.lines:
        file = _relative(found.locate(name), home)
        items.setdefault(file, PictureItem(file, (file,), number - start))
    _warn_doubled(found, len(found.lines) - len(items))
    return list(items.values())


def listed_shapes(
    found: OwnersList, home: Path, start: int
) -> tuple[list[PictureItem], list[MeshItem]]:
    """The shapes of a list, with all their views; and those of which it names a mesh."""
    pictures = lru_cache(maxsize=256)(_pictures)  # a class folder may hold many shapes
    rows: dict[tuple[Path, str], dict[Path, int]] = {}
    meshes: dict[str, MeshItem] = {}
    for name, number in found.lines:
        path = found.locate(name)
        if is_mesh(path) and path.is_file() and not pictures(path.parent):
            file = _relative(path, home)
            key = str(Path(file).with_suffix(""))
            meshes.setdefault(key, MeshItem(key, file, number - start))
        else:
            folder, stem = (path, "") if path.is_dir() else (path.parent, head(path))
            rows.setdefault((folder, stem), {})[path] = number - start
    shapes = []
    for (folder, stem), row in rows.items():
        files = tuple(_relative(path, home) for path in _views(stem, list(row), pictures(folder)))
        shapes.append(PictureItem(files[0], files, next(iter(row.values()))))
    return shapes, list(meshes.values())


def _views(stem: str, named: Sequence[Path], there: Sequence[Path]) -> Sequence[Path]:
    """The views that the list names; all in the folder, where it names the shape by one file."""
    if len(named) > 1:
        return named
    return [path for path in there if head(path) == stem] or there or named


def _pictures(folder: Path) -> Sequence[Path]:
    return pictures_in(folder) if folder.is_dir() else []


def _line(text: str, where: str) -> Line | None:
    if not text.strip():
        return None
    try:
        name, number = text.strip().rsplit(None, 1)
        inside("", "/".join(part for part in _parts(name) if part != ".."), links=True)
        if len(number) > LONGEST_LABEL:
            raise ValueError("no label has so many digits")
        return name, int(number)
    except ValueError as error:
        raise DataError(f'{where}: expected "path label" with a whole number as label, found '
                        f"{brief(text)} ({one_line(error)})") from error


def _parts(name: str) -> tuple[str, ...]:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return parts[1:] if parts[:1] == ("/",) else parts


def _bases(path: Path, home: Path, part: str) -> list[Path]:
    domain, side = part.split("_")
    kind, word = ("2D", "image") if domain == "source" else ("3D", "view")
    near = [path.parent, path.parent / "images", path.parent / kind, path.parent / kind / "images"]
    return [*near, home / word / side, home / word, home]


def _votes(lines: Iterable[Line], labels: Mapping[str, int]) -> dict[int, Counter[int]]:
    votes: dict[int, Counter[int]] = {}
    for name, number in lines:
        classes = (label(labels, part) for part in reversed(_parts(name)[:-1]))
        found = next((place for place in classes if place is not None), None)
        if found is not None:
            votes.setdefault(number, Counter())[found] += 1
    return votes


def _warn_strays(votes: Mapping[int, Counter[int]]) -> None:
    strays = sum(sum(count.values()) - max(count.values()) for count in votes.values())
    if strays:
        logger.warning("%d lines have another label than the others of their class folder", strays)


def _warn_doubled(found: OwnersList, doubled: int) -> None:
    if doubled:
        logger.warning("%s: %d lines come again; each photo is taken once", found.path, doubled)


def _relative(path: Path, home: Path) -> str:
    return Path(os.path.relpath(path, home)).as_posix()
