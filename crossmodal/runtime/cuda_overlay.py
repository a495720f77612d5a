"""A CUDA home that Jittor can be built with, made of links, beside what Jittor builds.

Jittor 1.3.11 expects CUDA 12 or older with cuDNN 8, all in one folder under unversioned names.
Where a toolkit is newer, or its parts are spread over wheels and folders, Jittor gets to see an
overlay instead: ``bin/nvcc`` (a script that calls the real one), ``include/`` and ``lib64/`` of
links, and three headers of ours (cuda_shims/) that fill in what the newer versions dropped. Neither
Jittor nor the toolkit is changed, and nothing is downloaded.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path

from crossmodal.runtime.cuda_toolkit import Toolkit
from crossmodal.runtime.digest import text_digest
from crossmodal.runtime.home import own_folder
from crossmodal.runtime.locks import locked

NEWEST_CUDA = 12  # that Jittor 1.3.11 compiles against as it is
NEWEST_CUDNN = 8
# Jittor asks for these by name; cuDNN 9 has one library where cuDNN 8 had two.
_SPLIT = {f"libcudnn_{part}_{use}.so": f"libcudnn_{part}.so"
          for part in ("ops", "cnn") for use in ("infer", "train")}
_SHIMS = Path(__file__).parent / "cuda_shims"
_COMPLETE = ".complete"
# Since CUDA 13 its own headers need C++17. Machine code for one GPU does not run on a newer one:
# the intermediate code beside it does, which the driver compiles.
_NVCC = """#!/bin/sh
# Made by crossmodal.runtime.cuda_overlay: the CUDA compiler, as this Jittor can use it.
for argument; do
    shift
    case "$argument" in
        -std=c++14) argument={standard} ;;
        -arch=compute_*) set -- "$@" "-code=${{argument#-arch=}}" ;;
    esac
    set -- "$@" "$argument"
done
exec {nvcc} -I{include} "$@"
"""


def is_needed(toolkit: Toolkit) -> bool:
    """Whether Jittor cannot take the toolkit as it is."""
    if toolkit.version[0] > NEWEST_CUDA or toolkit.cudnn > NEWEST_CUDNN:
        return True
    include, lib = toolkit.home / "include", toolkit.home / "lib64"
    return any(path.parent.resolve() != include.resolve() for path in toolkit.headers.values()) or \
        any(not (lib / f"lib{name}.so").is_file() for name in toolkit.libraries)


def install(home: Path, toolkit: Toolkit) -> str:
    """Make the overlay in a Jittor home unless it is there; path of its nvcc.

    Safe to call at every start and from many processes at once.
    """
    place = own_folder(home) / f"cuda-{_key(toolkit)}"
    if not (place / _COMPLETE).is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        with locked(own_folder(home).with_suffix(".lock")):
            if not (place / _COMPLETE).is_file():
                _make(place, toolkit)
    return str(place / "bin" / "nvcc")


def _make(place: Path, toolkit: Toolkit) -> None:
    """Fill a folder beside the place, then move it there."""
    fresh = Path(tempfile.mkdtemp(prefix=".cuda-", dir=place.parent))
    try:
        for part in ("bin", "include", "lib64"):
            (fresh / part).mkdir()
        shutil.copyfile(_SHIMS / "cudnn_rnn.h", fresh / "include" / "crossmodal_cudnn_rnn.h")
        (fresh / "include" / "cudnn.h").write_text(
            f'#include "{toolkit.headers["cudnn.h"]}"\n#include "crossmodal_cudnn_rnn.h"\n')
        if toolkit.version[0] > NEWEST_CUDA:
            shutil.copyfile(_SHIMS / "helper_cuda.h", fresh / "include" / "helper_cuda.h")
            (fresh / "include" / "cub").mkdir()
            shutil.copyfile(_SHIMS / "cub.cuh", fresh / "include" / "cub" / "cub.cuh")
        _link_headers(fresh / "include", toolkit)
        _link_libraries(fresh / "lib64", toolkit)
        _write_nvcc(fresh / "bin" / "nvcc", place, toolkit)
        (fresh / _COMPLETE).touch()
        shutil.rmtree(place, ignore_errors=True)  # left over from a killed process
        fresh.rename(place)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _link_headers(folder: Path, toolkit: Toolkit) -> None:
    """Links to all headers of the folders in use; of the system's own folder, only cuDNN's."""
    for header in toolkit.headers.values():
        system = str(header.parent).startswith("/usr/include")
        for path in sorted(header.parent.glob("cudnn*" if system else "*")):
            _link(folder / path.name, path)
    # Half precision includes <nv/target>, which lies one folder deeper since CUDA 13.
    inner = toolkit.headers["cuda_runtime.h"].parent / "cccl" / "nv"
    if inner.is_dir():
        _link(folder / "nv", inner)


def _link_libraries(folder: Path, toolkit: Toolkit) -> None:
    """Links to all libraries of the folders in use, and to each by its name without a version."""
    for name, library in toolkit.libraries.items():
        system = str(library.parent).startswith("/usr/lib")
        for path in sorted(library.parent.glob(f"lib{name}*.so*" if system else "lib*.so*")):
            _link(folder / path.name, path)
    for path in sorted(folder.iterdir()):
        _link(folder / f"{path.name.partition('.so')[0]}.so", folder / path.name)
    for wanted, present in _SPLIT.items():
        if (folder / present).exists():
            _link(folder / wanted, folder / present)


def _link(link: Path, target: Path) -> None:
    """Make a link unless something has that name; to a neighbour by its name alone."""
    if not os.path.lexists(link):
        link.symlink_to(target.name if target.parent == link.parent else target)


def _write_nvcc(script: Path, place: Path, toolkit: Toolkit) -> None:
    standard = "-std=c++17" if toolkit.version[0] > NEWEST_CUDA else "-std=c++14"
    script.write_text(_NVCC.format(
        standard=standard, nvcc=shlex.quote(toolkit.nvcc),
        include=shlex.quote(str(place / "include"))))
    script.chmod(0o755)


def _key(toolkit: Toolkit) -> str:
    """Changes with whatever the overlay is made of."""
    parts = [toolkit.nvcc, toolkit.version, toolkit.cudnn, sorted(toolkit.headers.items()),
             sorted(toolkit.libraries.items()), _NVCC, _own_libraries(toolkit),
             *(path.read_text() for path in sorted(_SHIMS.glob("*.*")))]
    return text_digest(repr(parts))[:12]


def _own_libraries(toolkit: Toolkit) -> list[str]:
    """Names of the libraries beside those in use, which an update of a wheel changes."""
    folders = {path.parent for path in toolkit.libraries.values()}
    return sorted(path.name for folder in folders if not str(folder).startswith("/usr/lib")
                  for path in folder.glob("lib*.so*"))
