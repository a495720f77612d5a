"""Names that come from files and arguments, and become paths: they stay inside their folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from crossmodal.runtime.brief import brief

LONGEST = 4000  # letters of a name with its folders
LONGEST_PART = 255  # bytes of one of them, on common file systems
DEEPEST = 100  # folders in one another
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)", re.IGNORECASE)
_USUAL_PART = r"(?!con|prn|aux|nul|com[0-9]|lpt[0-9])[a-z0-9_-][a-z0-9_. -]*"
# Names that need no second look.
_USUAL = re.compile(rf"(?:{_USUAL_PART}/){{0,20}}{_USUAL_PART}", re.IGNORECASE)


class OutsideError(ValueError):
    """A name that leads out of its folder, or that not every system can have."""


def inside(folder: Path | str, name: object, links: bool = False) -> Path:
    """The path of `name` in `folder`, of which it is sure that it lies there.

    name : with / between its parts; from a file, so anything at all
    links : follow links that lead out of the folder, as those of a data set's pictures may; for
        reading alone, and only of what its user has laid there

    Raises OutsideError for a name that is empty or no text, is absolute, has a part ``..`` or a
    drive, a control character, a name that Windows reserves or that is too long for a file, or
    leads out through a link.
    """
    reason = _why_not(name)
    if reason:
        raise OutsideError(f"the name {brief(name)} {reason}")
    path = Path(folder) / str(name)
    if not links and not _really_inside(Path(folder), path):
        raise OutsideError(f"the name {brief(name)} leads out of {folder} through a link; put the "
                           "file itself there")
    return path


def plain_name(name: object) -> str:
    """`name`, which is to be that of one file or folder. Raises OutsideError where it is not."""
    reason = _why_not(name) or ("has more than one part" if "/" in str(name) else None)
    if reason:
        raise OutsideError(f"the name {brief(name)} {reason}")
    return str(name)


def _why_not(name: object) -> str | None:
    if not isinstance(name, str):
        return "is no text"
    if len(name) <= LONGEST_PART and name.isascii() and _USUAL.fullmatch(name):
        return None
    if not name or len(name) > LONGEST:
        return "is empty" if not name else f"is longer than {LONGEST} letters"
    parts = re.split(r"[/\\]", name)
    if _CONTROL.search(name):
        return "has a control character; rename the file"
    if not parts[0] or _DRIVE.match(name):
        return "is absolute; give one inside its folder"
    if ".." in parts:
        return "leads out of its folder; give one inside it"
    if all(part in ("", ".") for part in parts):
        return "names no file"
    return _why_no_file(parts)


def _why_no_file(parts: list[str]) -> str | None:
    if len(parts) > DEEPEST:
        return f"has {len(parts)} parts; at most {DEEPEST} are read"
    try:
        longest = max(len(os.fsencode(part)) for part in parts)
    except UnicodeEncodeError:
        return "has a letter that no file name can have"
    if longest > LONGEST_PART:
        return f"has a part of {longest} bytes; a file's name has at most {LONGEST_PART}"
    reserved = next((part for part in parts if _RESERVED.match(part)), None)
    return f"has the part {brief(reserved)}, which Windows reserves; rename the file" \
        if reserved else None


def _really_inside(folder: Path, path: Path) -> bool:
    try:
        return folder.resolve() in path.resolve().parents
    except (OSError, RuntimeError, ValueError):  # a link to itself
        return False
