"""Whether ``mpirun`` started this process, and what Jittor needs then."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from crossmodal.runtime.errors import SetupError

_SIZE = "OMPI_COMM_WORLD_SIZE"
_LOCAL_RANK = "OMPI_COMM_WORLD_LOCAL_RANK"
_DEVICES = "CUDA_VISIBLE_DEVICES"
_GPUS = Path("/proc/driver/nvidia/gpus")  # one folder each


def started_by_mpirun() -> bool:
    """Whether this process is one of several."""
    return _SIZE in os.environ


def local_rank() -> int:
    """This process's number among those that ``mpirun`` started on this machine, from 0."""
    return int(os.environ.get(_LOCAL_RANK, "0"))


def prepare() -> None:
    """Let Jittor use MPI where ``mpirun`` started this process, and only there.

    Elsewhere its MPI would be compiled and loaded just because a compiler for it is installed.
    Every process gets its own GPU, the one with its number on this machine.

    Raises
    ------
    SetupError : started by ``mpirun``, but nothing can be compiled with Open MPI.
    """
    if not started_by_mpirun():
        os.environ.setdefault("use_mpi", "0")
        return
    missing = obstacle()
    if missing:
        raise SetupError(
            f"started by mpirun, but {missing}, and Jittor compiles its exchange between processes "
            "with it: install Open MPI's development files (Debian: apt install openmpi-bin "
            "libopenmpi-dev), or start one process without mpirun."
        )
    os.environ["use_mpi"] = "1"  # it may be inherited from a process that was not
    _take_own_gpu()


def obstacle() -> str:
    """Why nothing can be compiled with Open MPI here; empty where that is possible.

    ``mpicc`` may be there without ``mpi.h``: its runtime comes along with other packages.
    """
    compiler = os.environ.get("mpicc_path") or shutil.which("mpicc")
    if not compiler:
        return "there is no mpicc"
    try:
        done = subprocess.run([compiler, "-E", "-x", "c++", "-"], input="#include <mpi.h>\n",
                              capture_output=True, text=True)
    except OSError as error:
        return f"{compiler} does not run ({error.strerror})"
    return "" if done.returncode == 0 else f"{compiler} finds no mpi.h"


def refuse(what: str) -> None:
    """Raises SetupError where ``mpirun`` started a program that trains in one process."""
    if started_by_mpirun():
        raise SetupError(f"{what} trains in one process: start it without mpirun")


def without_mpi(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child process that is not one of those that ``mpirun`` started."""
    return {name: value for name, value in environment.items()
            if not name.startswith(("OMPI_", "PMIX_", "PMI_"))}


def _take_own_gpu() -> None:
    """Show Jittor one GPU: of several processes on a machine, each takes another one.

    The driver is not asked: what is visible to a process is settled when it first is.
    """
    stated = os.environ.get(_DEVICES)
    there = [str(i) for i, _ in enumerate(_GPUS.iterdir())] if _GPUS.is_dir() else []
    visible = there if stated is None else [name for name in stated.split(",") if name]
    if visible:
        os.environ[_DEVICES] = visible[local_rank() % len(visible)]
