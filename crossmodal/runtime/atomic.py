"""Files that are either whole or not there, whatever happens while they are written.

    with atomic_write("checkpoint.safetensors") as file:
        file.write(data)

The bytes go to a temporary file in the same folder, reach the disk, and take the final name in one
step. A crash, kill -9, a full disk or an exception leaves the previous file as it was.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from crossmodal.runtime.inside import inside
from crossmodal.runtime.locks import nobody_holds, try_lock
from crossmodal.runtime.paths import PathLike

_SUFFIX = ".tmp"
_TOKEN = 8  # letters that tell one writer's temporary from another's
_FULL = (errno.ENOSPC, errno.EDQUOT)
_abandoned: dict[Path, dict[str, list[str]]] = {}  # folder -> name -> temporaries found in it


@contextlib.contextmanager
def atomic_write(path: PathLike) -> Iterator[BinaryIO]:
    """Open a binary file that becomes `path` when the block ends without an exception.

    Missing folders are made; a symbolic link is followed; an existing file's permissions are kept.

    Raises
    ------
    OSError : with the file's name, the reason (disk full, no permission ...) and the remedy; the
        errno is kept, so PermissionError stays a PermissionError.
    """
    target = Path(os.path.realpath(Path(path).expanduser()))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        file, temporary = _open_temporary(target)
    except OSError as error:
        _explain(error, target)
    try:
        with file:
            yield file
            _finish(file, temporary, target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno in _FULL:
            _explain(error, target)
        raise
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def atomic_write_in(folder: PathLike, name: str) -> Iterator[BinaryIO]:
    """`atomic_write` of a file in a folder that others may have filled: no link leads out of it.

    Raises OutsideError, too.
    """
    with atomic_write(inside(Path(folder), name)) as file:
        yield file


def _finish(file: BinaryIO, temporary: Path, target: Path) -> None:
    """Bring the bytes to the disk and give the file its name."""
    file.flush()
    _refuse_short(file)
    _copy_mode(target, temporary)
    os.fsync(file.fileno())
    if os.name == "nt":
        file.close()
    temporary.replace(target)
    _sync_folder(target.parent)


def _refuse_short(file: BinaryIO) -> None:
    """np.save moves on behind what it wrote even if the disk did not take the last of it."""
    if os.fstat(file.fileno()).st_size < file.tell():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _open_temporary(target: Path) -> tuple[BinaryIO, Path]:
    """A locked temporary file beside the target; the lock tells it from an abandoned one."""
    while True:
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(_TOKEN // 2)}{_SUFFIX}")
        file = temporary.open("xb")
        try_lock(file.fileno())
        if temporary.exists():  # a cleaner may have taken it between open and lock
            return file, temporary
        file.close()


def _remove_abandoned(target: Path) -> None:
    """Delete what killed writers of the same file left: temporaries nobody holds locked.

    A folder is looked through at a process's first write into it; it may hold a million files.
    """
    if target.parent not in _abandoned:
        _abandoned[target.parent] = _find_temporaries(target.parent)
    for path in _abandoned[target.parent].pop(target.name, []):
        with contextlib.suppress(OSError), open(path, "rb") as file:  # noqa: PTH123
            if nobody_holds(file.fileno()):
                os.unlink(path)  # noqa: PTH108


def _find_temporaries(folder: Path) -> dict[str, list[str]]:
    """What looks like a temporary in a folder: name it is meant to have -> paths."""
    found: dict[str, list[str]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            name, _, token = entry.name[1:].removesuffix(_SUFFIX).rpartition(".")
            if entry.name == f".{name}.{token}{_SUFFIX}" and len(token) == _TOKEN:
                found.setdefault(name, []).append(entry.path)
    return found


def _copy_mode(target: Path, temporary: Path) -> None:
    """Keep the permissions of the file that is replaced."""
    with contextlib.suppress(OSError):
        shutil.copymode(target, temporary)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _explain(error: OSError, target: Path) -> NoReturn:
    """Raise the same kind of error, saying what could not be written and what to do."""
    if error.errno in _FULL:
        free = shutil.disk_usage(target.parent).free // 2**20
        reason = f"the disk is full ({free} MiB free): free some space or write elsewhere"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        reason = "no permission to write there: choose another folder or change its permissions"
    elif error.errno in (errno.EEXIST, errno.ENOTDIR):
        reason = "a file is in the place of a folder: choose another name or move it away"
    else:
        reason = f"{error.strerror or error}"
    message = f"cannot write {target}: {reason}. Any previous version is untouched."
    raise OSError(error.errno, message) from error
