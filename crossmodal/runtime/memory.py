"""Freed memory is kept for the next step, instead of going back to the system and coming again.

A network's step frees and asks for the same hundreds of MiB each time. By default glibc returns
blocks of that size at once, and every page that comes back is zeroed and mapped anew.
"""

from __future__ import annotations

import ctypes
import os
import sys

# mallopt's parameters (malloc.h), and the environment variables by which a user sets them.
_SETTINGS = {
    -4: ("MALLOC_MMAP_MAX_", 0),  # large blocks come from the heap ...
    -1: ("MALLOC_TRIM_THRESHOLD_", 2**31 - 1),  # ... which shrinks only by 2 GiB and more
    -2: ("MALLOC_TOP_PAD_", 64 * 2**20),  # and grows by 64 MiB at least
}


def keep_freed_memory() -> bool:
    """Tell glibc so, unless the user has set it up otherwise; whether that was possible."""
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    kept = [mallopt(parameter, value) for parameter, (name, value) in _SETTINGS.items()
            if name not in os.environ]
    return all(kept)
