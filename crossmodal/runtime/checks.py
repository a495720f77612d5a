"""What Jittor needs on a machine, each with one message that says what to do."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import sysconfig
from pathlib import Path

from crossmodal.runtime.errors import SetupError


def check_python() -> None:
    """Refuse a Python without a global lock, on which Jittor's core relies throughout."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise SetupError(
            f"{sys.executable} is a free-threaded Python, and Jittor needs the ordinary one: make "
            "the virtual environment with a python3 whose name does not end in t."
        )


def check_numpy() -> None:
    """Refuse a NumPy newer than 2: Jittor reads its arrays where they lie in memory."""
    import numpy

    if int(numpy.__version__.partition(".")[0]) > 2:
        raise SetupError(
            f"NumPy {numpy.__version__} is installed, and how it keeps arrays in memory is not "
            'known to Jittor: run `pip install "numpy<3"`.'
        )


def check_compiler() -> str:
    """Path of the C++ compiler Jittor will use; SetupError when there is none."""
    default = "clang++" if platform.system() == "Darwin" else "g++"
    wanted = os.environ.get("cc_path") or default
    found = shutil.which(wanted)
    if found is None:
        raise SetupError(
            f"no C++ compiler: {wanted!r} is not on the PATH, and Jittor compiles its operators. "
            "Install one (Debian/Ubuntu: `apt install g++`, Fedora: `dnf install gcc-c++`, "
            "macOS: `xcode-select --install`), or point cc_path to it."
        )
    return found


def check_python_headers() -> list[str]:
    """Folders with this interpreter's C headers; SetupError when they are not installed."""
    candidates = [sysconfig.get_path("include"), sysconfig.get_config_var("INCLUDEPY")]
    for folder in candidates:
        if folder and (Path(folder) / "Python.h").is_file():
            platform_folder = sysconfig.get_path("platinclude") or folder
            return list(dict.fromkeys([folder, platform_folder]))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise SetupError(
        f"the C headers of Python {version} are missing (no Python.h in {candidates[0]}), and "
        f"Jittor compiles against them: install them (Debian/Ubuntu: `apt install "
        f"python{version}-dev`, Fedora: `dnf install python3-devel`)."
    )
