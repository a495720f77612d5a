"""What the runtime found on this machine, as lines of a table."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

import crossmodal
from crossmodal.runtime import (
    device,
    home,
    jittor_overlay,
    jittor_patches,
    jittor_setup,
    onednn,
)
from crossmodal.runtime.log import peak_memory_mib
from crossmodal.runtime.versions import installed_versions

LIBRARIES = ("jittor", "numpy", "scipy", "scikit-learn", "trimesh", "embreex", "safetensors")


def versions() -> dict[str, str]:
    """Versions of this package, Python and the libraries that decide results."""
    return {"crossmodal": crossmodal.__version__, **installed_versions(LIBRARIES)}


def describe(jt: Any) -> dict[str, str]:
    """Name and finding for every line of ``python -m crossmodal.runtime``."""
    chosen = device.use_device("auto")
    place = home.jittor_home()
    cache = Path(jt.flags.cache_path)
    return {
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        "system": f"{platform.platform()}, {platform.machine()}",
        "compiler": f"{jt.flags.cc_type} at {jt.flags.cc_path}",
        "device": f"{chosen}, {device.threads()} CPU threads of {os.cpu_count()} cores",
        "CUDA": _cuda(jt),
        "oneDNN": _onednn(jt, place),
        "Jittor home": str(place),
        "Jittor": _changes(jt),
        "cache": f"{cache} ({folder_mib(cache):.0f} MiB)",
        "peak memory": f"{peak_memory_mib():.0f} MiB",
    }


def folder_mib(folder: Path) -> float:
    """Size of the files below a folder, in MiB; files that vanish meanwhile do not count."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total / 2**20


def _changes(jt: Any) -> str:
    """Whether Jittor is as installed, or changed for newer versions."""
    folder = Path(jt.flags.jittor_path).parent
    if not jittor_overlay.is_overlay(folder):
        return "as installed"
    reasons = dict.fromkeys(patch.needed_by for patch in jittor_patches.needed())
    return f"changed for {', '.join(reasons)} in {folder}"


def _cuda(jt: Any) -> str:
    """Whether CUDA is used, else why not."""
    if jt.has_cuda:
        return f"{jt.get_device_count()} devices, {jt.flags.nvcc_path}"
    found = jittor_setup.cuda_found()
    return f"not used: {found.obstacle}" if found else "not used: Jittor was imported without it"


def _onednn(jt: Any, place: Path) -> str:
    """Version and folder of the oneDNN convolutions run on."""
    if jt.compile_extern.mkl_ops is None:
        return "not used: convolutions on the CPU will be very slow"
    folder = onednn.folder(place)
    header = folder / "include" / "oneapi" / "dnnl" / "dnnl_version.h"
    if not header.is_file():
        return "as Jittor installed it"
    numbers = dict(re.findall(r"define DNNL_VERSION_(\w+) +(\d+)", header.read_text()))
    return f"{numbers.get('MAJOR', '?')}.{numbers.get('MINOR', '?')} in {folder}"
