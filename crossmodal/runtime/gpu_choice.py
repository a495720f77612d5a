"""Which GPU a script sees, where a flag says so: Jittor looks only once, when it is imported."""
from __future__ import annotations

import argparse
import os
import re
import sys

from crossmodal.runtime.brief import brief

VARIABLE = "CUDA_VISIBLE_DEVICES"
_ONE = r"(?:[0-9]{1,4}|(?:GPU|MIG)-[\w/-]{1,100})"
_IDS = re.compile(rf"-1|{_ONE}(?:, ?{_ONE})*")


def gpu_ids(text: str) -> str:
    """`text` where it names GPUs as CUDA_VISIBLE_DEVICES does, for an option's `type`."""
    if not _IDS.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"must be a GPU's number or several, as in 0 or 0,1, not {brief(text)}")
    return text


def start_with_gpu(number: str | None) -> None:
    """Start this script anew with just that GPU visible, unless that is so already.

    number : as in CUDA_VISIBLE_DEVICES, "0" or "0,1"; none: whatever is visible
    """
    if number and os.environ.get(VARIABLE) != number:
        os.environ[VARIABLE] = number
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - this very command
