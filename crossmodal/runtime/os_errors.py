"""What an operating system's error means for who runs a program: the file, and the remedy."""

from __future__ import annotations

import errno
import os

from crossmodal.runtime.brief import one_line

_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REMEDIES = {
    **dict.fromkeys(_DENIED, "no permission; choose another place, or change its permissions"),
    **dict.fromkeys(_FULL, "the disk is full; free some space, or choose another place"),
    errno.EEXIST: "a file is in the place of a folder; choose another name, or move it away",
    errno.ENOTDIR: "a file is in the place of a folder; choose another name, or move it away",
    errno.EISDIR: "a folder is in the place of a file; choose another name, or move it away",
    errno.ENOENT: "there is no such file or folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ELOOP: "a link leads to itself; remove it",
}


def told(error: OSError) -> str:
    """One line of an error: ``data/x: no permission; choose another place, ...``."""
    if error.errno is None or not error.strerror:
        return one_line(error, 1000)
    if error.filename is None:  # it was raised with a message of ours
        return one_line(str(error.strerror), 1000)
    name = error.filename if isinstance(error.filename, str) else str(error.filename)
    is_systems = error.strerror == os.strerror(error.errno)
    reason = _REMEDIES.get(error.errno, error.strerror) if is_systems else error.strerror
    return f"{one_line(name, 500)}: {one_line(str(reason), 500)}"



def why(error: Exception) -> str:
    """What was wrong, without the file's name and without a remedy, for a message that has both."""
    return str(error.strerror).lower() if isinstance(error, OSError) and error.strerror \
        else one_line(error)
