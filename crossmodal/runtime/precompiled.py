"""Headers that g++ reads once a machine, not once a file: much of Jittor's build is reading them.

The standard library's go into every file of Jittor's core, through its flags; with those of Jittor
that all operators share, they make an operator's compilation two to three times as fast. A
precompiled header that is missing, or that the compiler does not take, is read as text.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from crossmodal.runtime.atomic import atomic_write
from crossmodal.runtime.digest import text_digest
from crossmodal.runtime.home import own_folder
from crossmodal.runtime.locks import locked
from crossmodal.runtime.log import get_logger

_LOG = get_logger(__name__)
_STANDARD = ["algorithm", "cmath", "cstring", "fstream", "functional", "iomanip", "iostream",
             "list", "map", "memory", "mutex", "random", "sstream", "string", "unordered_map",
             "vector"]
_STANDARD_TEXT = "".join(f"#include <{name}>\n" for name in _STANDARD)
# Of Jittor's, what many operators start with: the fused ones with the operators they fuse.
_SHARED = ["var.h", "init.h", "fused_op.h", "ops/op_register.h", "misc/cuda_flags.h",
           "misc/cpu_math.h", "ops/array_op.h", "ops/binary_op.h", "ops/broadcast_to_op.h",
           "ops/code_op.h", "ops/reduce_op.h", "ops/unary_op.h"]
_CORE_OPTIONS = "-std=c++14 -fPIC -march=native -O2"  # as Jittor compiles its core


def add_to_core(utils: Any, home: Path, compiler: str) -> None:
    """Let Jittor's core be compiled with the standard headers, by its variable `cc_flags`.

    Left alone where the user has set it, with another compiler than g++, and where the flags would
    also go to nvcc.

    utils : the module ``jittor_utils``, which knows the compiler's version.
    """
    if not _supported(compiler) or "cc_flags" in os.environ or os.environ.get("nvcc_path"):
        return
    header = own_folder(home) / f"standard-{text_digest(utils.cache_path)[:8]}.h"
    _write(header, _STANDARD_TEXT)
    _precompile(compiler, _CORE_OPTIONS, header, made_from=_STANDARD_TEXT)
    os.environ["cc_flags"] = f' -include "{header}" '


def for_operators(jittor: Any, home: Path) -> Path | None:
    """The header to compile every operator of this Jittor with; None where none is used."""
    compiler, flags = str(jittor.flags.cc_path), str(jittor.flags.cc_flags)
    if not _supported(compiler) or '"' in str(home):
        return None
    source = Path(jittor.flags.jittor_path) / "src"
    kept = _language_flags(flags)
    name = text_digest(f"{source} {kept} {jittor.flags.cache_path}")[:8]
    header = own_folder(home) / f"operator-{name}.h"
    shared = "".join(f'#include "{name}"\n' for name in _SHARED)
    text = f"// {source}\n#define JIT 1\n#define JIT_cpu 1\n{_STANDARD_TEXT}{shared}"
    if _write(header, text):
        _remove_orphans(header.parent)
    made_from = [[str(path.relative_to(source)), path.stat().st_size, path.stat().st_mtime_ns]
                 for path in sorted(source.rglob("*.h"))]
    _precompile(compiler, kept, header, made_from=text + json.dumps(made_from))
    return header if _binary(header).is_file() else None


def _remove_orphans(folder: Path) -> None:
    """Remove the headers of Jittors that are gone; a precompiled one takes 80 MB."""
    for header in folder.glob("operator-*.h"):
        source = header.read_text().partition("\n")[0].removeprefix("// ")
        if not Path(source).is_dir():
            for path in (header, _binary(header), Path(f"{header}.stamp")):
                path.unlink(missing_ok=True)


def _binary(header: Path) -> Path:
    return Path(f"{header}.gch")


def _supported(compiler: str) -> bool:
    return sys.platform == "linux" and Path(compiler).name.startswith("g++")


def _write(path: Path, text: str) -> bool:
    """Write a text, unless it is there; whether that was needed."""
    if path.is_file() and path.read_text() == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(text.encode())
    return True


def _language_flags(flags: str) -> str:
    """Those flags that have a say in what a header means: not what is linked or included."""
    kept = []
    parts = iter(shlex.split(flags))
    for part in parts:
        if part == "-include":
            next(parts)
        elif part.startswith(("-I", "-D", "-std", "-f", "-m", "-O")):
            kept.append(part)
    return shlex.join(kept)


def _precompile(compiler: str, flags: str, header: Path, made_from: str) -> None:
    """Compile a header, unless that was done before from the same files; never fails."""
    binary, stamp = _binary(header), Path(f"{header}.stamp")
    digest = text_digest(f"{compiler} {flags} {made_from}")
    if _is_made(binary, stamp, digest):
        return
    with locked(header.with_name("precompiled.lock")):
        if _is_made(binary, stamp, digest):
            return
        fresh = Path(f"{binary}.{os.getpid()}")
        try:
            done = subprocess.run([compiler, *shlex.split(flags), "-x", "c++-header", str(header),
                                   "-o", str(fresh)], capture_output=True, text=True)
            if done.returncode:
                binary.unlink(missing_ok=True)
                _LOG.debug("%s cannot be precompiled: %s", header, done.stderr[-500:])
            else:
                fresh.replace(binary)
            _write(stamp, digest)
        except OSError as error:
            _LOG.debug("%s cannot be precompiled: %s", header, error)
        finally:
            fresh.unlink(missing_ok=True)


def _is_made(binary: Path, stamp: Path, digest: str) -> bool:
    """Whether the compiler was asked already, successfully or not."""
    return stamp.is_file() and stamp.read_text() == digest
