"""Builds Jittor's core once per machine, in a process of its own, saying how far it is.

A build in the importing process would be silent for minutes, could end the process (Jittor exits
when its helper library changed) and would take it down with a damaged library. So a build, or the
check that none is needed, runs in a child process; a stamp in the cache records success, and with a
stamp the import goes ahead directly.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

from crossmodal.runtime.atomic import atomic_write
from crossmodal.runtime.build_progress import BuildProgress
from crossmodal.runtime.digest import text_digest
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.home import COLD_BUILD_MIB, cache_root, check_space
from crossmodal.runtime.mpi import without_mpi

_PROGRAM = "import jittor; print('cache: ' + jittor.compiler.cache_path)"
_ATTEMPTS = 2  # Jittor ends its process once when a helper library had to be rebuilt
_POLL_SECONDS = 0.2
_FLAGS = (
    "cc_path cc_flags nvcc_path nvcc_flags kernel_flags cuda_arch debug enable_lto use_mkl use_mpi "
    "use_cutt use_cutlass use_nccl use_data_gz ROCM_HOME ASCEND_TOOLKIT_HOME CONDA_PREFIX"
)


def ensure_built(utils: Any, home: Path, trust_stamp: bool = True) -> None:
    """Build Jittor for this machine and these settings unless that was done before.

    Parameters
    ----------
    utils : the module jittor_utils, which knows the cache folder.
    home : the Jittor home.
    trust_stamp : take the stamp's word for it that nothing is left to build.

    Raises
    ------
    SetupError : not enough disk, or the build failed; the message ends with what it printed.
    """
    cache = Path(utils.cache_path)
    stamp = cache / f"crossmodal-{fingerprint(utils)}.json"
    if trust_stamp and is_current(stamp):
        return
    if core_library(cache) is None:
        check_space(home, COLD_BUILD_MIB)
    progress = BuildProgress(cache, cold=core_library(cache) is None)
    for _ in range(_ATTEMPTS):
        status, output = _run(utils, progress)
        folders = [line[7:] for line in output.splitlines() if line.startswith("cache: ")]
        if status == 0 and folders:
            progress.close(done=True)
            _write_stamp(stamp, Path(folders[-1]))
            return
        if status != 0:
            break
    progress.close(done=False)
    raise SetupError(_failure(status, output, home))


def is_current(stamp: Path) -> bool:
    """Whether the stamp of an earlier build is there and the library it names still is."""
    try:
        folder = json.loads(stamp.read_text())["cache"]
    except (OSError, ValueError, KeyError):
        return False
    return core_library(Path(folder)) is not None


def core_library(folder: Path) -> Path | None:
    """Jittor's compiled core in a cache folder, None when it was never built."""
    return next(iter(sorted(folder.glob("jittor_core*.so"))), None)


def fingerprint(utils: Any) -> str:
    """What a build depends on besides its cache folder: settings and Python's headers."""
    settings = {name: os.environ.get(name, "") for name in _FLAGS.split()}
    config = os.environ.get("python_config_path", "")
    answer = Path(config).read_text() if config and Path(config).is_file() else config
    known = json.dumps([settings, answer, str(utils.__file__)], sort_keys=True)
    return text_digest(known)[:12]


def _run(utils: Any, progress: BuildProgress) -> tuple[int, str]:
    """Import Jittor in a child process; its exit status and what it printed."""
    with tempfile.TemporaryFile() as output:
        child = _start(utils, output)
        try:
            while child.poll() is None:
                progress.update()
                time.sleep(_POLL_SECONDS)
        except BaseException:
            _end(child)
            raise
        output.seek(0)
        return child.returncode, output.read().decode(errors="replace")


def _start(utils: Any, output: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the child, apart from any MPI job, with the modules this process sees."""
    environment = without_mpi(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        cwd=Path(utils.__file__).parent.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    """Stop the child and the compilers it started."""
    if hasattr(os, "killpg"):
        os.killpg(child.pid, signal.SIGTERM)
    else:
        child.terminate()
    child.wait()


def _write_stamp(stamp: Path, folder: Path) -> None:
    """Record a successful build."""
    with atomic_write(stamp) as file:
        file.write(json.dumps({"cache": str(folder)}).encode())


def _failure(status: int, output: str, home: Path) -> str:
    """What to say when Jittor could not be built."""
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    memory = " (often: out of memory)" if status == -signal.SIGTERM or "Killed" in output else ""
    tail = "\n".join("    " + line for line in output.strip().splitlines()[-15:])
    return (
        f"Jittor could not be built: the build {how}{memory}. If the reason below does not help, "
        f"remove {cache_root(home)} and try again.\n{tail}"
    )
