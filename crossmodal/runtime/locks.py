"""Advisory file locks between processes; where the system has none they do nothing."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)  # some network folders


def try_lock(descriptor: int) -> bool:
    """Take the exclusive lock of an open file; False if somebody holds it.

    True as well where there are no locks: nobody can be seen to hold it.
    """
    try:
        _lock(descriptor, wait=False)
    except BlockingIOError:
        return False
    return True


def nobody_holds(descriptor: int) -> bool:
    """Take the exclusive lock of an open file; True only if it was really taken."""
    try:
        return _lock(descriptor, wait=False)
    except BlockingIOError:
        return False


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the exclusive lock of a file, made if missing; released however the process ends."""
    with path.open("a") as file:
        _lock(file.fileno(), wait=True)
        yield


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of an existing file; False for a missing one."""
    try:
        with path.open("rb") as file:
            return not try_lock(file.fileno())
    except OSError:
        return False


def _lock(descriptor: int, wait: bool) -> bool:
    """Take a lock; False where there are none. Raises BlockingIOError instead of waiting."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return False
    return True
