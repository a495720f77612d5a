"""The number of threads of OpenMP, which oneDNN and Jittor's parallel loops use on the CPU."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import sys


def set_threads(count: int) -> None:
    """Threads of parallel loops started from this thread from now on."""
    if count < 1:
        raise ValueError(f"at least one thread is needed, got {count}")
    library = _library()
    if library is not None:
        library.omp_set_num_threads(count)


def threads() -> int:
    """Threads a parallel loop started now would use; 1 where OpenMP is not found."""
    library = _library()
    return 1 if library is None else int(library.omp_get_max_threads())


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The OpenMP runtime g++ links, None where there is none."""
    name = ctypes.util.find_library("gomp") if sys.platform == "linux" else None
    return ctypes.CDLL(name) if name else None
