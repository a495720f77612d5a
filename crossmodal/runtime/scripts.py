"""Small shell scripts that stand between Jittor and Python, written into the Jittor home.

Jittor asks `python3-config` how to compile against Python, and compiles every operator through a
Python program. Scripts of our own, with a path and content that stay the same, make both exact and
cheap.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

from crossmodal.runtime.checks import check_python_headers
from crossmodal.runtime.digest import text_digest

_CONFIG = """\
#!/bin/sh
case "$1" in
  --includes) echo {includes} ;;
  --extension-suffix) echo {suffix} ;;
  *) exit 1 ;;
esac
"""
_PYTHON = """\
#!/bin/sh
case "$1" in
  */asm_tuner.py)
    shift; compiler="${{1#--cc_path=}}"; shift
    for output; do :; done
    fresh="$output.$$"
    {quickly}"$compiler" "$@" -o "$fresh" || {{ rm -f "$fresh"; exit 1; }}
    exec mv -f "$fresh" "$output" ;;
  *) exec {python} "$@" ;;
esac
"""
_QUICKLY = """\
"$compiler" {options} "$@" -o "$fresh" 2>/dev/null ||
    """
_QUICK_LINKER = "gold"  # takes a third of the time of the usual one to link an operator


def write_python_config(folder: Path) -> Path:
    """A `python-config` that answers for this very interpreter.

    In a virtual environment Jittor finds none, or that of another Python with the same version.
    """
    includes = " ".join(f"-I{shlex.quote(path)}" for path in check_python_headers())
    suffix = str(sysconfig.get_config_var("EXT_SUFFIX"))
    text = _CONFIG.format(includes=shlex.quote(includes), suffix=shlex.quote(suffix))
    return _write(folder, "python-config", text)


def write_python(folder: Path, header: Path | None = None) -> Path:
    """A `python` through which Jittor compiles its operators with the compiler directly.

    On Linux, Jittor starts Python once per operator to rewrite its assembler code, for an option
    (use_movnt) that is off; leaving that out saves a third of the compilation. And the path of the
    interpreter is a part of what decides whether an operator is compiled again: `python` and
    `../.venv/bin/python` would compile everything in turn.

    The output, which a command names last, appears whole or not at all: two programs may compile
    an operator at the same time, and each loads what is there when its own compiler is done.

    header : to be included first, precompiled, in every operator. What does not compile with it,
        or with the quick linker where there is one, is compiled without.
    """
    python = shlex.quote(os.path.abspath(sys.executable))
    options = [] if header is None else ["-include", str(header)]
    if header is not None and shutil.which(f"ld.{_QUICK_LINKER}"):
        options.append(f"-fuse-ld={_QUICK_LINKER}")
    quickly = _QUICKLY.format(options=shlex.join(options)) if options else ""
    return _write(folder, "python", _PYTHON.format(python=python, quickly=quickly))


def _write(folder: Path, name: str, text: str) -> Path:
    """Write an executable script whose name holds a digest of its content, unless it is there."""
    path = folder / f"{name}-{text_digest(text)[:8]}"
    if not path.is_file() or path.read_text() != text or not os.access(path, os.X_OK):
        folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.write_text(text)
        fresh.chmod(0o755)
        fresh.replace(path)
    return path
