"""The folder that holds a data set: the one that is given, or the only one in it that does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from crossmodal.data.errors import DataError


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


def _does_hold(folder: Path, holds: Callable[[Path], bool]) -> bool:
    try:
        return folder.is_dir() and holds(folder)
    except PermissionError:  # lost+found, another user's folder
        return False
