"""The environment variables Jittor reads at import, set to what works; the user's own ones win."""

from __future__ import annotations

import os
from pathlib import Path

from crossmodal.runtime import cuda_overlay, cuda_probe, mpi, scripts
from crossmodal.runtime.cpus import usable_cpus
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.home import own_folder
from crossmodal.runtime.jittor_patches import numpy_generation

QUIET = {
    "log_silent": "1",
    "FIX_TORCH_ERROR": "0",  # do not import torch: its oneDNN clashes with ours
}
# The default cache follows the git branch of the folder Jittor is installed under: with a virtual
# environment inside a checkout, every new branch would build Jittor anew. A name of our own also
# keeps programs that import Jittor with other settings from rebuilding it back and forth, and one
# for each generation of NumPy keeps a core from being read with arrays it was not compiled for.
CACHE_NAMES = {1: "crossmodal", 2: "crossmodal-numpy2"}
# Jittor compiles the operators of a graph in 16 threads, and now and then one of them dies of a
# segmentation fault, mostly when two programs compile at the same time. Without, the main thread
# compiles each when it is first needed, and nothing is printed between the progress bars.
STEADY = {"use_parallel_op_compiler": "0"}
# Downloads CUDA would start at import; cuDNN and cuBLAS do without them.
NO_DOWNLOADS = {"use_cutt": "0", "use_cutlass": "0", "use_nccl": "0"}


def prepare(home: Path) -> cuda_probe.CudaProbe:
    """Set the variables for a Jittor that lives in `home`; what was found about CUDA."""
    _set_defaults({**QUIET, **STEADY})
    _set_for_this_python(home)
    _limit_threads()
    mpi.prepare()
    return _choose_cuda(home)


def _set_for_this_python(home: Path) -> None:
    """Set what another interpreter's program, started from here, must not take over from this."""
    if os.environ.get("cache_name", "crossmodal") in CACHE_NAMES.values():
        os.environ["cache_name"] = CACHE_NAMES[numpy_generation()]
    given = os.environ.get("python_config_path")
    if os.name != "nt" and (not given or Path(given).parent == own_folder(home)):
        os.environ["python_config_path"] = str(scripts.write_python_config(own_folder(home)))


def _choose_cuda(home: Path) -> cuda_probe.CudaProbe:
    """Show Jittor an nvcc only if a GPU answers and is wanted, and one that it can use."""
    wanted = cuda_probe.wanted_device()
    if wanted == "cpu":
        found = cuda_probe.CudaProbe(obstacle=f"{cuda_probe.DEVICE_VARIABLE}=cpu")
    else:
        found = cuda_probe.probe()
    if wanted == "cuda" and not found.usable:
        raise SetupError(
            f"{cuda_probe.DEVICE_VARIABLE}=cuda, but {found.obstacle}: "
            f"repair that, or use {cuda_probe.DEVICE_VARIABLE}=auto to run on the CPU."
        )
    os.environ["nvcc_path"] = ""
    if found.usable and found.toolkit is not None:
        overlay = cuda_overlay.is_needed(found.toolkit)
        os.environ["nvcc_path"] = \
            cuda_overlay.install(home, found.toolkit) if overlay else found.nvcc
        _set_defaults(NO_DOWNLOADS)
    return found


def _limit_threads() -> None:
    """Keep OpenMP within a container's quota, which it does not see by itself; let threads sleep.

    A thread that spins while it waits for another takes the core that other one needs: beside data
    workers, or anything else, a convolution is then many times slower.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    cores = usable_cpus()
    if cores < (os.cpu_count() or 1):
        os.environ.setdefault("OMP_NUM_THREADS", str(cores))


def _set_defaults(variables: dict[str, str]) -> None:
    """Set the variables that are not set yet."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)
