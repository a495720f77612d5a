"""Whether a GPU really answers and Jittor can be built for it.

An `nvcc` on the PATH says nothing: without a driver, or with parts of the toolkit missing,
importing Jittor fails. So it only gets to see an `nvcc` that passes here.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass

from crossmodal.runtime.cuda_toolkit import REMEDY, Toolkit, find_nvcc, read_toolkit
from crossmodal.runtime.errors import SetupError

DEVICE_VARIABLE = "CROSSMODAL_DEVICE"
CHOICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class CudaProbe:
    """What was found; `obstacle` is empty when CUDA can be used."""

    devices: int = 0
    nvcc: str = ""
    obstacle: str = ""
    toolkit: Toolkit | None = None

    @property
    def usable(self) -> bool:
        """Whether Jittor can be built for, and run on, a GPU here."""
        return not self.obstacle


def wanted_device() -> str:
    """The choice in CROSSMODAL_DEVICE: auto (default), cpu or cuda."""
    choice = os.environ.get(DEVICE_VARIABLE) or "auto"
    if choice not in CHOICES:
        raise SetupError(
            f"{DEVICE_VARIABLE}={choice!r} is not a device: use one of {', '.join(CHOICES)}."
        )
    return choice


def probe() -> CudaProbe:
    """Ask the driver for devices, then look for a toolkit that fits; fast when there is none."""
    if os.environ.get("nvcc_path") == "":
        return CudaProbe(obstacle='nvcc_path is set to "", which turns CUDA off')
    devices = count_devices()
    if devices == 0:
        return CudaProbe(obstacle="no GPU answers: no working NVIDIA driver or no visible device")
    nvcc = find_nvcc()
    if not nvcc:
        return CudaProbe(devices, obstacle="a GPU answers, but there is no nvcc (CUDA toolkit): "
                         + REMEDY)
    toolkit = read_toolkit(nvcc)
    return CudaProbe(devices, nvcc, _obstacle(nvcc, toolkit), toolkit)


def count_devices() -> int:
    """GPUs the driver reports, 0 without a driver."""
    library = "nvcuda" if os.name == "nt" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
        count = ctypes.c_int(0)
        failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    except (OSError, AttributeError):
        return 0
    return 0 if failed else count.value


def _obstacle(nvcc: str, toolkit: Toolkit | None) -> str:
    """Why Jittor cannot be built with this toolkit, or an empty string."""
    if toolkit is None:
        return f"{nvcc} does not run"
    missing = toolkit.missing()
    if missing:
        return (f"CUDA {toolkit.version[0]} of {nvcc} is not complete, "
                f"{', '.join(missing)} cannot be found: {REMEDY}")
    return ""
