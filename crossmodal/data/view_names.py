"""Whether consecutive pictures of a list are the views of one shape, as far as names tell.

Views of a shape lie in one folder (``chair_1/00.png``, or ``chair/chair_1_00.png``), or each in the
folder of its view (``view0/chair_1.png``). Of a name, what tells the view is the number at its end.
"""
from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple, Optional

from crossmodal.data.errors import DataError

MOST_VIEWS = 100  # of a shape; pictures numbered further go through several shapes
_TWO_NUMBERS = re.compile(r"(?:.*[-_. ])?\d+[-_. ]", re.DOTALL)  # chair_0001_ of chair_0001_00


class Line(NamedTuple):
    """One picture of a list."""

    number: int  # of the line, from 1; of a folder's picture 0
    name: str  # as the list has it, or under the folder
    path: str
    label: Optional[int]  # noqa: UP045


class _Name(NamedTuple):
    """A picture's path in parts: ``chair/chair_1_00.png``."""

    folder: str  # chair
    stem: str  # chair_1_00
    head: str  # chair_1_
    view: str  # 00; it may be empty


_Run = Sequence[tuple[Line, _Name]]


def check_views(lines: Sequence[Line], views: int, source: object) -> None:
    """Raises DataError, naming lines and remedy, where ``views`` lines are not one shape's views.

    Accepted is what may be right: pictures that are numbered through, for one, tell no shape.
    """
    named = [(line, _split(line.path)) for line in lines]
    groups = [named[start:start + views] for start in range(0, len(named), views)]
    for group in groups:
        _check_folders(group, views, source)
    for one, two in zip(groups, groups[1:]):
        _check_neighbours(one, two, views, source)
    _check_runs(_runs(named), views, source)


def lines_of(lines: Sequence[Line], source: object) -> str:
    """``list.txt, lines 1 to 4``."""
    numbers = f", lines {lines[0].number} to {lines[-1].number}" if lines[0].number else ""
    return f"{source}{numbers}"


def _split(path: str) -> _Name:
    pure = PurePath(path)
    head = pure.stem.rstrip("0123456789")
    return _Name(str(pure.parent), pure.stem, head, pure.stem[len(head):])


def _check_folders(group: _Run, views: int, source: object) -> None:
    """One folder for all views; or one for each, and the same name but for a number at its end."""
    folders = {name.folder for _, name in group}
    if len(folders) > 1 and (len(folders) < len(group) or not _shape_name(group)):
        raise _several_folders(group, views, source)


def _check_neighbours(one: _Run, two: _Run, views: int, source: object) -> None:
    """Where views have folders: no shape takes up two groups, no group reaches into the next."""
    for group in (one, two):
        if _spread(group) and one[-1][1].folder == two[0][1].folder:
            raise _several_folders(group, views, source)
    if _spread(one) and _spread(two) and _shape_of(one) == _shape_of(two) and not (
            {line.path for line, _ in one} & {line.path for line, _ in two}):
        raise _wrong_count([*one, *two], views, source, "all are of one shape")


def _check_runs(runs: Sequence[_Run], views: int, source: object) -> None:
    """Where names tell shapes, a shape has ``views`` pictures.

    They do where a name has two numbers, shape and view (``chair_0001_00``), and where most shapes
    have the same numbers.
    """
    if max(len(run) for run in runs) > MOST_VIEWS:
        return
    numbers = Counter(tuple(name.view for _, name in run) for run in runs)
    same = max(numbers.values()) if len(runs) > 1 else 0
    for run in runs:
        told = same > len(runs) / 2 or _TWO_NUMBERS.fullmatch(run[0][1].head)
        too_long = told and len(run) > views
        cut = same == len(runs) and views % len(run)
        if too_long or cut:
            raise _wrong_count(run, views, source, f"these {len(run)} are of one shape")


def _runs(named: _Run) -> list[_Run]:
    """Consecutive pictures of one folder and one name but for its number; none comes twice."""
    runs: list[list[tuple[Line, _Name]]] = []
    seen: set[str] = set()
    before = None
    for line, name in named:
        now = (name.folder, name.head)
        if now != before or not name.view or line.path in seen:
            runs.append([])
            seen = set()
        runs[-1].append((line, name))
        seen.add(line.path)
        before = now
    return list(runs)


def _spread(group: _Run) -> bool:
    return len({name.folder for _, name in group}) > 1


def _shape_name(group: _Run) -> str:
    """What the names of a group have in common: the stem, or all but its number; or nothing."""
    for part in ("stem", "head"):
        found = {getattr(name, part) for _, name in group}
        if len(found) == 1:
            return str(found.pop())
    return ""


def _shape_of(group: _Run) -> tuple[object, ...]:
    """What tells a shape whose views lie in a folder each: the folders around these, the name."""
    folders = [PurePath(name.folder).parts for _, name in group]
    ends = [os.path.commonprefix(side) for side in (folders, [f[::-1] for f in folders])]
    return *ends, _shape_name(group)


def _several_folders(group: _Run, views: int, source: object) -> DataError:
    folders = list(dict.fromkeys(name.folder for _, name in group))
    return DataError(f"{lines_of([line for line, _ in group], source)}: {views} consecutive views "
                     f"lie in {len(folders)} folders (first: {folders[0]}); shapes with another "
                     "number of views, or a wrong data.views")


def _wrong_count(run: _Run, views: int, source: object, why: str) -> DataError:
    return DataError(f"{lines_of([line for line, _ in run], source)}: {views} consecutive views "
                     f"are not one shape: {why}, by their names ({run[0][0].name} to "
                     f"{run[-1][0].name}); shapes with another number of views, or a wrong "
                     "data.views")
