"""One walk through the folders that people have, for meshes, pictures and masks alike."""

from __future__ import annotations

from pathlib import Path

from crossmodal.runtime.log import get_logger

logger = get_logger(__name__)
_ADDED_BY_MACS = "__MACOSX"  # in archives that are packed on a Mac; repeats every file's name


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is nobody's data: ``.git``, ``._chair.obj``."""
    return name.startswith(".") or name == _ADDED_BY_MACS


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, sorted by path; hidden names are left out.

    Links are followed, also to folders on another disk; one that leads back to a folder which it
    lies in is not. A folder that cannot be listed is named in a warning; a `folder` that is not
    there holds no files. Raises OSError where it is there and cannot be listed.
    """
    if not folder.is_dir():
        return []
    found: list[Path] = []
    waiting = [(folder, frozenset([_identity(folder)]))]
    while waiting:
        place, above = waiting.pop()
        for path in _inside(place, is_first=place is folder):
            if path.is_file():
                found.append(path)
            elif path.is_dir():  # neither, where a link leads nowhere or round and round
                identity = _identity(path)
                if identity not in above:
                    waiting.append((path, above | {identity}))
    return sorted(found)


def _inside(place: Path, is_first: bool) -> list[Path]:
    try:
        return [path for path in place.iterdir() if not is_hidden(path.name)]
    except OSError as error:
        if is_first:
            raise
        logger.warning("left out, as it cannot be listed: %s (%s)", place, error.strerror)
        return []


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
