"""Which GPU a script sees, where a flag says so: Jittor looks only once, when it is imported."""
from __future__ import annotations

import os
import sys

VARIABLE = "CUDA_VISIBLE_DEVICES"


def start_with_gpu(number: str | None) -> None:
    """Start this script anew with just that GPU visible, unless that is so already.

    number : as in CUDA_VISIBLE_DEVICES, "0" or "0,1"; none: whatever is visible
    """
    if number and os.environ.get(VARIABLE) != number:
        os.environ[VARIABLE] = number
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - this very command
