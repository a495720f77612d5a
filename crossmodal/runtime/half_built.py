"""Finds what a killed build or a full disk left unfinished in Jittor's cache, and removes it.

Jittor compiles a file again when its `.key` is missing, so removing a stump and its key is all the
repair there is to do; the rest of the cache stays.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from crossmodal.runtime import elf
from crossmodal.runtime.locks import locked

_COMPILED = (".o", ".so")


def stumps(cache: Path) -> list[Path]:
    """Compiled files in a Jittor cache folder that are not whole."""
    return [path for path in _compiled_files(cache) if not elf.is_intact(path)]


def remove_stumps(cache: Path) -> list[Path]:
    """Remove unfinished files and their keys; the files removed.

    What another process is just writing looks unfinished too, so the removal looks again while
    holding the lock under which Jittor compiles.
    """
    if not stumps(cache):
        return []
    with locked(cache.parent / "jittor.lock"):
        found = stumps(cache)
        for path in found:
            path.with_name(path.name + ".key").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
    return found


def _compiled_files(cache: Path) -> Iterator[Path]:
    """Objects and libraries of a cache folder, in no particular order."""
    with contextlib.suppress(FileNotFoundError):
        for entry in cache.iterdir():
            if entry.suffix in _COMPILED:
                yield entry
            elif entry.is_dir() and not entry.is_symlink():
                yield from _compiled_files(entry)
