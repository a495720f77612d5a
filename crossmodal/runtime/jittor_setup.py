"""Prepares this machine for Jittor and imports it: the one place where `import jittor` happens."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from crossmodal.runtime import (
    build,
    checks,
    environment,
    half_built,
    home,
    jittor_overlay,
    lasting_thread,
    locks,
    memory,
    native_arrays,
    onednn,
    openmp,
    plain_path,
    precompiled,
    scripts,
    seeds,
    threads_at_exit,
)
from crossmodal.runtime.cuda_probe import CudaProbe
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.side_effects import contained, end_compilers

_LOG = get_logger(__name__)
_IMPORT_LOCK = threading.RLock()
_PROBE: CudaProbe | None = None
_FINISHED = False
_PATIENCE_SECONDS = 3.0


def load_jittor() -> ModuleType:
    """Jittor, ready to use; prepared and built if need be.

    May be called any number of times, from any thread or process. A Jittor that was imported before
    is taken as it is.

    Raises
    ------
    SetupError : Jittor cannot run here; the message says why and what to do.
    """
    with _IMPORT_LOCK:
        checks.check_python()
        checks.check_numpy()
        _learn_limits()
        jittor = sys.modules.get("jittor")
        if jittor is None or not hasattr(jittor, "Var"):  # not imported, or not to the end
            jittor = lasting_thread.run_lasting(_prepare_and_import)
        _finish(jittor)
        return jittor


def _learn_limits() -> None:
    """Let NumPy find the limits of its float types while it can.

    It does so at their first use, and would warn that there are no subnormal numbers: Jittor's
    operators, compiled for speed, switch them off.
    """
    for kind in (np.float16, np.float32, np.float64):
        np.finfo(kind)


def cuda_found() -> CudaProbe | None:
    """What the preparation found about CUDA; None when Jittor was imported without it."""
    return _PROBE


def _prepare_and_import() -> ModuleType:
    """Check the machine, lay out the files, build, import."""
    global _PROBE
    _forget_failed_import()
    checks.check_compiler()
    place = home.jittor_home()
    plain_path.check_home_path(place)
    home.check_home(place)
    home.check_space(place, home.WARM_MIB)
    _PROBE = environment.prepare(place)
    memory.keep_freed_memory()
    if _PROBE.devices and not _PROBE.usable:
        _LOG.warning("running on the CPU: %s", _PROBE.obstacle)
    onednn.install(place)
    jittor_overlay.install(place)
    with contained(), home.jittor_at_home(place):
        try:
            return _build_and_import(place, trust_stamp=True)
        except SystemExit:  # another way of importing Jittor had changed a helper library
            _forget_failed_import()
            return _build_and_import(place, trust_stamp=False)


def _finish(jittor: Any) -> None:
    """What can only be done once Jittor is there, and is done once."""
    global _FINISHED
    if _FINISHED:
        return
    jittor_overlay.refuse_unpatched(jittor)
    _FINISHED = True
    if onednn.supported() and jittor.compile_extern.mkl_ops is None:
        _LOG.warning("Jittor was imported without oneDNN: convolutions on the CPU will be slow")
    native_arrays.convert_before_copying(jittor)
    seeds.seed_jittor(jittor)
    end_compilers(sys.modules["jittor_utils"])
    threads_at_exit.guard_exit()
    if sys.platform == "linux":
        place = home.jittor_home()
        header = precompiled.for_operators(jittor, place)
        jittor.flags.python_path = str(scripts.write_python(home.own_folder(place), header))
    if hasattr(os, "register_at_fork"):  # in a forked child the other threads do not exist
        os.register_at_fork(after_in_child=lambda: openmp.set_threads(1))


def _forget_failed_import() -> None:
    """Drop the modules of an `import jittor` that failed, with what they found out by then."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("jittor", "jittor_utils"):
            del sys.modules[name]


def _say_if_waiting(lock: Path) -> None:
    """Say so when another process keeps Jittor locked for long, which means that it builds it."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while locks.is_held(lock):
        if time.monotonic() > end:
            _LOG.info("waiting for another process that is building Jittor (%s)", lock.parent)
            return
        time.sleep(0.05)


def _repair(utils: Any) -> None:
    """Remove unfinished files, saying so."""
    removed = half_built.remove_stumps(Path(utils.cache_path))
    if removed:
        _LOG.warning(
            "removed %d damaged file(s) from Jittor's cache (first: %s); they are built again",
            len(removed),
            removed[0],
        )


def _build_and_import(place: Path, trust_stamp: bool) -> ModuleType:
    """Repair and build if need be, then import; what goes wrong becomes one clear error."""
    utils = importlib.import_module("jittor_utils")
    _say_if_waiting(Path(utils.cache_path).parent / "jittor.lock")
    _repair(utils)
    precompiled.add_to_core(utils, place, checks.check_compiler())
    build.ensure_built(utils, place, trust_stamp)
    try:
        return importlib.import_module("jittor")
    except Exception as error:  # noqa: BLE001 - Jittor raises whatever its build steps raise
        raise SetupError(
            f"importing Jittor failed: {error}. If that does not help, remove "
            f"{home.cache_root(place)} and try again."
        ) from error
