"""How many cores this process may really use, and what they can do."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_QUOTA_V2 = Path("/sys/fs/cgroup/cpu.max")
_QUOTA_V1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_PERIOD_V1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def usable_cpus() -> int:
    """Cores left by the processor affinity and by a container's quota, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, math.ceil(min(cores, _container_quota())))


def processor_flags() -> frozenset[str]:
    """Instruction sets by Linux's names, such as avx2 and avx512f; empty where it does not say."""
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        return frozenset()
    found = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(found.partition(":")[2].split())


def _container_quota() -> float:
    """Processor time a container may use, in cores; infinite without a limit."""
    for read in (_quota_v2, _quota_v1):
        try:
            return read()
        except (OSError, ValueError):
            continue
    return math.inf


def _quota_v2() -> float:
    """Limit as cgroup version 2 states it."""
    quota, period = _QUOTA_V2.read_text().split()
    return math.inf if quota == "max" else int(quota) / int(period)


def _quota_v1() -> float:
    """Limit as cgroup version 1 states it."""
    quota = int(_QUOTA_V1.read_text())
    return math.inf if quota <= 0 else quota / int(_PERIOD_V1.read_text())
