"""Prepares this machine for Jittor and imports it: the one place where `import jittor` happens."""

from __future__ import annotations

import importlib
import sys
import threading
from types import ModuleType
from typing import Any

from crossmodal.runtime import build, checks, environment, half_built, home, onednn, seeds
from crossmodal.runtime.cuda_probe import CudaProbe
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.side_effects import contained

_LOG = get_logger(__name__)
_IMPORT_LOCK = threading.RLock()
_PROBE: CudaProbe | None = None


def load_jittor() -> ModuleType:
    """Jittor, ready to use; prepared and built if need be.

    May be called any number of times, from any thread or process. A Jittor that was imported before
    is taken as it is.

    Raises
    ------
    SetupError : Jittor cannot run here; the message says why and what to do.
    """
    with _IMPORT_LOCK:
        checks.check_numpy()
        imported = sys.modules.get("jittor")
        if imported is not None and hasattr(imported, "Var"):
            return imported
        jittor = _prepare_and_import()
        seeds.seed_jittor(jittor)
        return jittor


def cuda_found() -> CudaProbe | None:
    """What the preparation found about CUDA; None when Jittor was imported without it."""
    return _PROBE


def _prepare_and_import() -> ModuleType:
    """Check the machine, lay out the files, build, import."""
    global _PROBE
    checks.check_compiler()
    place = home.jittor_home()
    home.check_home(place)
    home.check_space(place, home.WARM_MIB)
    _PROBE = environment.prepare(place)
    if _PROBE.devices and not _PROBE.usable:
        _LOG.warning("running on the CPU: %s", _PROBE.obstacle)
    onednn.install(place)
    with contained(), home.jittor_at_home(place):
        utils = importlib.import_module("jittor_utils")
        _repair(utils)
        build.ensure_built(utils, place)
        return _import(place)


def _repair(utils: Any) -> None:
    """Remove unfinished files, saying so."""
    removed = half_built.remove_stumps(build.Path(utils.cache_path))
    if removed:
        _LOG.warning(
            "removed %d damaged files from Jittor's cache (first: %s); they are built again",
            len(removed),
            removed[0],
        )


def _import(place: home.Path) -> ModuleType:
    """Import Jittor; what goes wrong in it becomes one clear error."""
    try:
        return importlib.import_module("jittor")
    except SystemExit as error:
        raise SetupError(
            "Jittor rebuilt a library it had already loaded: run the command again."
        ) from error
    except Exception as error:  # noqa: BLE001 - Jittor raises whatever its build steps raise
        raise SetupError(
            f"importing Jittor failed: {error}. If that does not help, remove "
            f"{home.cache_root(place)} and try again."
        ) from error
