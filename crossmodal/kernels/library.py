"""Compiles the kernels for this machine, once, and loads them for Jittor's operators to call.

The library lies in Jittor's cache under a name that says what it was made of (sources, compiler,
oneDNN, processor); another process, or another version of the project, makes its own or finds it.
"""
from __future__ import annotations

import ctypes
import hashlib
import os
import shlex
import subprocess
from functools import lru_cache
from pathlib import Path

from crossmodal.runtime import elf, home, jt, onednn
from crossmodal.runtime.atomic import atomic_write
from crossmodal.runtime.cpus import processor_flags
from crossmodal.runtime.errors import SetupError
from crossmodal.runtime.locks import locked
from crossmodal.runtime.log import get_logger

_LOG = get_logger(__name__)
_SOURCE = Path(__file__).parent / "source"
_OPTIONS = "-std=c++14 -O3 -march=native -fno-math-errno -fopenmp -fPIC -shared"
_BLOCKS = {"AVX-512": 16, "AVX2": 8}  # floats of a vector register, by oneDNN's instruction set


@lru_cache(maxsize=1)
def block() -> int:
    """Channels that lie side by side in a blocked map, as oneDNN's code for this machine has it.

    What oneDNN will run counts, not what the processor could: see DNNL_MAX_CPU_ISA.
    """
    return _BLOCKS.get(onednn.instruction_set(home.jittor_home()), 8)


def load() -> bool:
    """Whether the kernels can be used here; builds and loads them at the first call.

    False, for good, where Jittor runs without our oneDNN, where oneDNN has not even AVX2, or where
    the compiler fails (said once): everything then goes through Jittor's own operators.
    """
    return loaded() is not None


@lru_cache(maxsize=1)
def loaded() -> ctypes.CDLL | None:
    """The kernels' library; None where `load` says that there is none."""
    if not onednn.supported() or jt.compile_extern.mkl_ops is None:  # which the runtime has said
        return None
    try:
        instructions = onednn.instruction_set(home.jittor_home())
        if instructions not in _BLOCKS:
            raise SetupError(f"they need AVX2, and oneDNN runs with {instructions} here")
        return ctypes.CDLL(str(_built()), mode=os.RTLD_NOW | os.RTLD_GLOBAL)
    except (SetupError, OSError) as error:
        _LOG.warning("the project's own CPU kernels cannot be used, training on the CPU will be "
                     "slower: %s", error)
        return None


def usable() -> bool:
    """Whether tensors go through the kernels now: on the CPU, where they can be loaded."""
    return not jt.flags.use_cuda and load()


def describe() -> str:
    """Whether the kernels can be used here, and where they are, in a line."""
    if not load():
        return "not used: Jittor's own operators compute"
    return (f"{onednn.instruction_set(home.jittor_home())}, {block()} channels a block, "
            f"{_built()}")


def _built() -> Path:
    """The library's file."""
    place = home.jittor_home()
    parts = onednn.folder(place)
    compiler = jt.flags.cc_path
    narrow = ["-mno-avx512f"] if block() == 8 else []
    command = [compiler, *shlex.split(_OPTIONS), *narrow, f"-DBLOCK={block()}",
               f"-I{parts / 'include'}",
               f"-L{parts / 'lib'}", f"-Wl,-rpath,{parts / 'lib'}"]
    folder = home.own_folder(place)
    path = folder / f"kernels-{_fingerprint(command, parts)}.so"
    if not elf.is_intact(path):  # nor cut off: loading that would end the process
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / "kernels.lock"):
            if not elf.is_intact(path):
                _compile(command, path)
    return path


def _fingerprint(command: list[str], parts: Path) -> str:
    made_by = [*command, jt.flags.cache_path]  # Jittor's cache says which version the compiler is
    digest = hashlib.sha256(" ".join([*made_by, *sorted(processor_flags())]).encode())
    for source in sorted(_SOURCE.iterdir()):
        digest.update(source.read_bytes())
    digest.update(str((parts / "lib" / onednn.LIBRARY).stat().st_size).encode())
    return digest.hexdigest()[:16]


def _compile(command: list[str], path: Path) -> None:
    """Compile all sources into `path`, whole or not at all; raises SetupError."""
    sources = [str(source) for source in sorted(_SOURCE.glob("*.cpp"))]
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        done = subprocess.run([*command, *sources, "-lmkldnn", "-o", str(fresh)],
                              capture_output=True, text=True)
        if done.returncode:
            raise SetupError(f"compiling them failed: {done.stderr.strip()[-500:]}")
        with atomic_write(path) as file:
            file.write(fresh.read_bytes())
    finally:
        fresh.unlink(missing_ok=True)
