"""The machine and the libraries that the numbers come from."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from crossmodal.checkpoint import versions
from crossmodal.runtime import home, onednn
from crossmodal.runtime.worker_pool import usable_cores


def describe() -> dict[str, Any]:
    """Processor, cores, memory, system and versions."""
    return {
        "processor": _processor(),
        "instructions": _instructions(),
        "cores": usable_cores(),
        "memory_gib": _memory_gib(),
        "system": platform.platform(),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "gpu": _gpu(),
        "versions": versions(),
    }


def one_line(machine: dict[str, Any]) -> str:
    """The description, short."""
    libraries = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    gpu = f"{machine['gpu']}; " if machine["gpu"] else ""
    return (f"{machine['processor']}, {machine['instructions']}, {machine['cores']} cores, "
            f"{machine['memory_gib']} GiB; {gpu}{machine['system']}; {libraries}")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _instructions() -> str:
    """What oneDNN computes with here, as a processor may be told to do less than it can."""
    place = onednn.install(home.jittor_home())
    return onednn.instruction_set(home.jittor_home()) if place else "no oneDNN"


def _gpu() -> str | None:
    """Name and driver of the GPUs, where NVIDIA's tool is there and answers."""
    try:
        found = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return "; ".join(found.stdout.split("\n")[:-1]) if found.returncode == 0 else None


def _memory_gib() -> float | None:
    if not hasattr(os, "sysconf"):
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
