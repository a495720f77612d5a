"""Gives Jittor its oneDNN from the Python package index instead of a download during import.

Jittor looks for ``<home>/.cache/jittor/mkl/dnnl_lnx_2.2.0_cpu_gomp/{include,lib}`` and downloads an
archive when ``lib/libmkldnn.so`` is missing. The wheel ``onednn-devel-cpu-gomp`` holds a compatible
oneDNN; its files are copied there (50 MB, once), so what is compiled against them keeps working
when the virtual environment they came from is moved or removed. On a processor for which there is
no wheel (aarch64) nothing is downloaded either: Jittor runs without.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from crossmodal.runtime import elf
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.home import cache_root
from crossmodal.runtime.locks import locked
from crossmodal.runtime.log import get_logger

_LOG = get_logger(__name__)
FOLDER = "dnnl_lnx_2.2.0_cpu_gomp"
LIBRARY = "libmkldnn.so"
ALIASES = ("libdnnl.so", "libdnnl.so.2")
PACKAGES = ("onednn-devel-cpu-gomp", "onednn-cpu-gomp")
REQUIREMENT = "onednn-devel-cpu-gomp==2021.4.0"


# What dnnl_get_effective_cpu_isa says, by the bits that are set (dnnl_types.h), most capable first.
_INSTRUCTION_SETS = ((0x27, "AVX-512"), (0x07, "AVX2"), (0x03, "AVX"), (0x01, "SSE4.1"))


def supported() -> bool:
    """Whether Jittor is to use the wheel's oneDNN: it exists for this machine, and is wanted."""
    return sys.platform == "linux" and platform.machine() == "x86_64" and \
        os.environ.get("use_mkl", "1") == "1"


def _do_without() -> None:
    """Keep Jittor from downloading a oneDNN where there is no wheel, unless the user wants that."""
    if sys.platform != "linux" or platform.machine() == "x86_64" or "use_mkl" in os.environ:
        return
    os.environ["use_mkl"] = "0"
    _LOG.warning("no oneDNN is packaged for this processor (%s): Jittor's own operators compute, "
                 "which on the CPU is many times slower", platform.machine())


def folder(home: Path) -> Path:
    """Where Jittor looks for oneDNN."""
    return cache_root(home) / "mkl" / FOLDER


def is_installed(home: Path) -> bool:
    """Whether a whole oneDNN, ours or one Jittor downloaded, is in place."""
    place = folder(home)
    parts = (place / "include", place / "lib")
    return (
        not any(part.is_symlink() for part in parts)
        and _has_headers(place)
        and all(elf.is_intact(place / "lib" / name) for name in (LIBRARY, *_soname(place)))
    )


def instruction_set(home: Path) -> str:
    """The widest instructions that oneDNN runs here: AVX-512, AVX2, AVX, SSE4.1, or "none".

    It asks the processor, and heeds the variable DNNL_MAX_CPU_ISA.
    """
    library = ctypes.CDLL(str(folder(home) / "lib" / LIBRARY))
    bits = library.dnnl_get_effective_cpu_isa()
    return next((name for mask, name in _INSTRUCTION_SETS if bits & mask == mask), "none")


def install(home: Path) -> Path | None:
    """Put oneDNN where Jittor looks for it; the folder, or None where Jittor runs without ours.

    Safe to call at every start and from many processes at once.

    Raises
    ------
    SetupError : the wheel is not installed, or its files are damaged.
    """
    if not supported():
        _do_without()
        return None
    place = folder(home)
    if is_installed(home):
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(cache_root(home) / "crossmodal.lock"):
        if not is_installed(home):
            _replace(place, _wheel_files())
    return place


def _wheel_files() -> dict[str, Path]:
    """The wheel's files by where they belong: include/..., lib/libmkldnn.so."""
    files = {}
    for package in PACKAGES:
        try:
            distribution = metadata.distribution(package)
        except metadata.PackageNotFoundError:
            continue
        for name in distribution.files or ():
            if "include" in name.parts:
                inside = name.parts[name.parts.index("include") :]
                files["/".join(inside)] = Path(str(distribution.locate_file(name))).resolve()
            elif name.name == LIBRARY:
                files[f"lib/{LIBRARY}"] = Path(str(distribution.locate_file(name))).resolve()
    library = files.get(f"lib/{LIBRARY}")
    if library is None or not elf.is_intact(library):
        state = "is damaged" if library is not None else "is not installed"
        raise SetupError(
            f"oneDNN, with which Jittor computes convolutions on the CPU, {state}: "
            f'run `pip install --force-reinstall "{REQUIREMENT}"`.'
        )
    return files


def _replace(place: Path, files: dict[str, Path]) -> None:
    """Copy the files beside the place, then put include and lib where they belong."""
    fresh = Path(tempfile.mkdtemp(prefix=".onednn-", dir=place.parent.parent))
    try:
        for name, source in files.items():
            target = fresh / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        for alias in ALIASES:
            (fresh / "lib" / alias).symlink_to(LIBRARY)
        place.mkdir(exist_ok=True)
        for part in ("include", "lib"):
            _remove(place / part)
            (fresh / part).rename(place / part)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _remove(path: Path) -> None:
    """Remove a link, or a folder with what is in it; nothing where nothing is."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _has_headers(place: Path) -> bool:
    """Whether the headers Jittor includes are there."""
    return (place / "include" / "mkldnn.hpp").is_file()


def _soname(place: Path) -> tuple[str, ...]:
    """The alias that operators compiled against our copy load at run time, if it is our copy."""
    ours = (place / "lib" / "libdnnl.so.2").is_symlink()
    return ("libdnnl.so.2",) if ours else ()
