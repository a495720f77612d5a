"""The one place that decides where Jittor computes, and with how many threads."""

from __future__ import annotations

import os
import sys

from crossmodal.runtime import jittor_setup
from crossmodal.runtime.cpus import usable_cpus
from crossmodal.runtime.cuda_probe import CHOICES, DEVICE_VARIABLE, wanted_device
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.openmp import set_threads, threads

__all__ = ["check_precision", "default_threads", "set_threads", "threads", "use_device"]


def use_device(device: str = "auto", thread_count: int | None = None) -> str:
    """Let Jittor compute on a device from now on; "cpu" or "cuda", whichever it is.

    Parameters
    ----------
    device : "auto" takes the GPU if one really answers. The environment variable
        CROSSMODAL_DEVICE, when set to cpu or cuda, wins.
    thread_count : CPU threads, all usable cores by default (OMP_NUM_THREADS if that is set).

    Raises
    ------
    SetupError : an unknown device, or "cuda" where CUDA cannot be used; says why.
    """
    chosen = _choose(device)
    if "jittor" not in sys.modules and chosen == "cpu":
        os.environ[DEVICE_VARIABLE] = "cpu"  # spares a build for CUDA
    jt = jittor_setup.load_jittor()
    can_cuda = bool(jt.has_cuda)
    if chosen == "cuda" and not can_cuda:
        raise SetupError(
            f"device cuda was asked for, but {_obstacle()}: repair that, or use device auto or cpu."
        )
    on_cuda = can_cuda and chosen != "cpu"
    if can_cuda:
        jt.flags.use_cuda = int(on_cuda)
    set_threads(default_threads() if thread_count is None else thread_count)
    return "cuda" if on_cuda else "cpu"


def check_precision(precision: str, device: str) -> None:
    """Raises SetupError where mixed precision is asked of a CPU."""
    if precision == "mixed" and device != "cuda":
        raise SetupError("optim.precision=mixed needs a GPU (NVIDIA Ampere or newer): leave it "
                         "at float32 on the CPU")


def default_threads() -> int:
    """OMP_NUM_THREADS where it is a positive number, else the cores this process may use."""
    stated = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return int(stated) if stated.isdigit() and int(stated) > 0 else usable_cpus()


def _choose(device: str) -> str:
    """The device asked for, after the environment variable had its word."""
    if device not in CHOICES:
        raise SetupError(f"{device!r} is not a device: use one of {', '.join(CHOICES)}.")
    stated = wanted_device()
    return device if stated == "auto" else stated


def _obstacle() -> str:
    """Why CUDA is not there."""
    found = jittor_setup.cuda_found()
    return found.obstacle if found and found.obstacle else "Jittor was imported without CUDA"
