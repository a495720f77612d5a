"""Finds what a killed build or a full disk left unfinished in Jittor's cache, and removes it.

Jittor writes a `.key` beside every file it has finished and compiles a file again when the key is
missing, so removing a stump and its key is all the repair there is to do; the rest stays.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from crossmodal.runtime import elf

SETTLED_SECONDS = 10.0  # longer than a linker pauses while it writes
_COMPILED = (".o", ".so")
_LOADED_UNSEEN = "jit_utils_core"  # Jittor imports this library before it looks at its key


def stumps(cache: Path) -> list[Path]:
    """Compiled files in a Jittor cache folder that count as finished and are not whole."""
    return [path for path in _compiled_files(cache) if _counts(path) and not elf.is_intact(path)]


def remove_stumps(cache: Path, settled_seconds: float = SETTLED_SECONDS) -> list[Path]:
    """Remove unfinished files and their keys; the files removed.

    What another process is just writing looks unfinished too, so only a file that has not changed
    for `settled_seconds` is removed; a younger one is waited for.
    """
    pending, removed = stumps(cache), []
    while pending:
        for path in list(pending):
            changed = _changed(path)
            if changed == 0 or elf.is_intact(path):
                pending.remove(path)
            elif time.time() - changed >= settled_seconds:
                _key(path).unlink(missing_ok=True)
                path.unlink(missing_ok=True)
                pending.remove(path)
                removed.append(path)
        time.sleep(0.1 if pending else 0)
    return removed


def _counts(path: Path) -> bool:
    """Whether Jittor would load the file as it is."""
    return _key(path).exists() or path.name.startswith(_LOADED_UNSEEN)


def _key(path: Path) -> Path:
    """The file in which Jittor notes what a compiled file was made from."""
    return path.with_name(path.name + ".key")


def _changed(path: Path) -> float:
    """Time of the last change, 0 for a file that has just gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _compiled_files(cache: Path) -> Iterator[Path]:
    """Objects and libraries of a cache folder, in no particular order."""
    with contextlib.suppress(FileNotFoundError):
        for entry in cache.iterdir():
            if entry.suffix in _COMPILED:
                yield entry
            elif entry.is_dir() and not entry.is_symlink():
                yield from _compiled_files(entry)
