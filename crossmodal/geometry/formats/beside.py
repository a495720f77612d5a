"""Files that a model names and that lie in its folder, and nowhere else."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")  # of http: and file:, and the drive letter of C:


class NotBeside(ValueError):
    """A name that leads, or may lead, out of the model's folder."""


def by_uri(folder: Path, uri: str) -> Path:
    """The file that a relative URI means; where it is absent, the path at which it is missed.

    Some programs write names as they are, without %20 for a space, or with backslashes: where the
    decoded name is not there, a file of the name as it is written is taken.
    Raises NotBeside where a part of the name is ``..``, or it is absolute, of another scheme or a
    link that leads out of the folder.
    """
    if SCHEME.match(uri):
        raise NotBeside("is not in the model's folder; put it there")
    try:
        name = os.fsdecode(unquote_to_bytes(uri.encode("utf-8", "surrogateescape")))
    except UnicodeError as error:
        raise NotBeside("is not a file name") from error
    decoded = by_name(folder, name)
    written = by_name(folder, uri)
    return written if is_file(written) and not is_file(decoded) else decoded


def by_name(folder: Path, name: str) -> Path:
    """As `by_uri`, of a plain name with / or backslashes between its parts."""
    parts = re.split(r"[/\\]", name)
    if not parts[0] or "\0" in name or ".." in parts or SCHEME.match(name):
        raise NotBeside("is not in the model's folder; put it there")
    path = folder / name
    if "\\" in name and not is_file(path):
        path = folder.joinpath(*parts)
    try:
        inside = folder.resolve() in path.resolve().parents
    except (OSError, RuntimeError, ValueError) as error:  # a link to itself, a name too long
        raise NotBeside("is not the name of a file") from error
    if not inside:
        raise NotBeside("leads out of the model's folder; copy the file there")
    return path


def is_file(path: Path) -> bool:
    """Is it a plain file? False too of names that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
