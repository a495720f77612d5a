"""Whether a GPU really answers and Jittor can be built for it.

An `nvcc` on the PATH says nothing: without a driver, or with a toolkit this Jittor cannot be built
with, importing Jittor fails. So it only gets to see an `nvcc` that passes here.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from crossmodal.runtime.errors import SetupError

DEVICE_VARIABLE = "CROSSMODAL_DEVICE"
CHOICES = ("auto", "cpu", "cuda")
NEWEST_CUDA = 12  # Jittor 1.3.11 does not compile against the headers of CUDA 13
NEWEST_CUDNN = 8  # ... nor against cuDNN 9, which dropped the recurrent calls
_USUAL_PLACES = ("/usr/local/cuda/bin/nvcc", "/usr/bin/nvcc", "/opt/cuda/bin/nvcc")


@dataclass(frozen=True)
class CudaProbe:
    """What was found; `obstacle` is empty when CUDA can be used."""

    devices: int = 0
    nvcc: str = ""
    obstacle: str = ""

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
        return CudaProbe(devices, obstacle="a GPU answers, but there is no nvcc (CUDA toolkit)")
    chosen_by_user = bool(os.environ.get("nvcc_path"))
    return CudaProbe(devices, nvcc, "" if chosen_by_user else toolkit_obstacle(nvcc))


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


def find_nvcc() -> str:
    """Path of the CUDA compiler Jittor would find, or an empty string."""
    chosen = os.environ.get("nvcc_path")
    if chosen:
        return shutil.which(chosen) or ""
    for candidate in ("nvcc", *_USUAL_PLACES):
        found = shutil.which(candidate)
        if found:
            return found
    return ""


def toolkit_obstacle(nvcc: str) -> str:
    """Why Jittor cannot be built with this toolkit, or an empty string."""
    version = _cuda_major(nvcc)
    if version is None:
        return f"{nvcc} does not run"
    if version > NEWEST_CUDA:
        return f"{nvcc} is CUDA {version}, and this Jittor needs CUDA {NEWEST_CUDA} or older"
    cudnn = _cudnn_major(nvcc)
    if cudnn is None:
        return f"no cudnn.h beside {nvcc} or in /usr/include: install cuDNN {NEWEST_CUDNN}"
    if cudnn > NEWEST_CUDNN:
        return f"cuDNN {cudnn} is installed, and this Jittor needs cuDNN {NEWEST_CUDNN} or older"
    return ""


def _cuda_major(nvcc: str) -> int | None:
    """Major version `nvcc --version` prints, None when it does not run."""
    try:
        answer = subprocess.run(
            [nvcc, "--version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"release (\d+)", answer.stdout)
    return int(found.group(1)) if found else None


def _cudnn_major(nvcc: str) -> int | None:
    """Major version of the cuDNN headers Jittor would include, None without any."""
    include = Path(os.path.realpath(nvcc)).parent.parent / "include"
    for folder in (include, Path("/usr/include"), Path("/usr/include/x86_64-linux-gnu")):
        for name in ("cudnn_version.h", "cudnn.h"):
            header = folder / name
            if header.is_file():
                found = re.search(r"define CUDNN_MAJOR (\d+)", header.read_text(errors="replace"))
                if found:
                    return int(found.group(1))
    return None
