"""Folders of a data set, where archives were unpacked into a folder of their own name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from crossmodal.data.errors import DataError
from crossmodal.runtime.inside import OutsideError, plain_name


def data_set(root: Path, name: str, option: str = "--name") -> Path:
    """``<root>/<name>``. Raises DataError for a name, of an option, that leads elsewhere."""
    try:
        return Path(root) / plain_name(name)
    except OutsideError as error:
        raise DataError(f"{option}: {error}; the folder that it lies in is --root") from error


def find_home(source: Path, holds: Callable[[Path], bool]) -> Path:
    """`source`, or the folder in it that `holds` is true of; `source` where there is none.

    Archives are unpacked to a folder of their name, so a step too high is easily given. Raises
    DataError where several folders in it would do.
    """
    if not source.is_dir() or holds(source):
        return source
    inner = [child for child in sorted(source.iterdir()) if _does_hold(child, holds)]
    if len(inner) > 1:
        names = ", ".join(child.name for child in inner)
        raise DataError(f"{source}: several copies of the data set ({names}); give one as --source")
    return inner[0] if inner else source


def unpacked(source: Path, name: str) -> str:
    """A folder's path below `source`: ``name``, or ``name/name`` where that holds what it should.

    Many programs unpack ``cars_train.tgz``, which holds ``cars_train/``, to ``cars_train/``.
    """
    inner = f"{name}/{name}"
    return inner if (source / inner).is_dir() else name


def _does_hold(folder: Path, holds: Callable[[Path], bool]) -> bool:
    try:
        return folder.is_dir() and holds(folder)
    except PermissionError:  # lost+found, another user's folder
        return False
