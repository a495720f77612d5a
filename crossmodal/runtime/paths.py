"""Where files are looked for: as given, then under the repository root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Union

PathLike = Union[str, "os.PathLike[str]"]

REPO_ROOT = Path(__file__).resolve().parents[2]


def find(path: PathLike) -> Path:
    """Absolute path of an existing file or folder.

    Looked for as given (relative to the current folder, ``~`` allowed), then under the repository
    root, so that ``--config ./configs/pix3d.yaml`` works from inside ``Instance-level`` too.

    Raises
    ------
    FileNotFoundError : it is in neither place; the message names both.
    """
    given = Path(path).expanduser()
    places = [Path.cwd() / given, REPO_ROOT / given]
    for place in places:
        if place.exists():
            return _absolute(place)
    looked = " nor ".join(dict.fromkeys(str(_absolute(place)) for place in places))
    raise FileNotFoundError(
        f"{path} does not exist: looked for {looked}. "
        f"Paths are taken relative to the current folder, then to {REPO_ROOT}."
    )


def _absolute(path: Path) -> Path:
    """Absolute and without ``..``, symbolic links kept as they are."""
    return Path(os.path.normpath(path))
