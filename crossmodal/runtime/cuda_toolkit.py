"""Where the parts of a CUDA toolkit are: compiler, headers and libraries, of a system or of wheels.

A part may come from the toolkit's own folder, from the environment's ``nvidia-*`` wheels of the
same CUDA, or from the system's folders; the first that has it is taken.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

HEADERS = ("cuda_runtime.h", "cublas_v2.h", "curand.h", "cufft.h", "cusparse.h", "cudnn.h")
LIBRARIES = ("cudart", "cublas", "cublasLt", "curand", "cufft", "cusparse", "cudnn")
REMEDY = "`pip install -r requirements-cuda.txt` brings all parts of CUDA 13"
_USUAL_PLACES = ("/usr/local/cuda/bin/nvcc", "/usr/bin/nvcc", "/opt/cuda/bin/nvcc")
_ARCHITECTURE = {"AMD64": "x86_64", "arm64": "aarch64"}.get(
    platform.machine(), platform.machine())
_SYSTEM_INCLUDE = ("/usr/include", f"/usr/include/{_ARCHITECTURE}-linux-gnu")
_SYSTEM_LIBRARY = (f"/usr/lib/{_ARCHITECTURE}-linux-gnu", "/usr/lib64", "/usr/lib")


@dataclass(frozen=True)
class Toolkit:
    """A CUDA toolkit and where its headers and libraries are; those not found are absent."""

    nvcc: str
    version: tuple[int, int]
    cudnn: int = 0  # major version of its headers, 0 without any
    headers: dict[str, Path] = field(default_factory=dict)
    libraries: dict[str, Path] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The folder that holds bin/ of the compiler Jittor would be shown."""
        return Path(os.path.realpath(self.nvcc)).parent.parent

    def missing(self) -> list[str]:
        """Headers and libraries that are nowhere."""
        absent = [name for name in HEADERS if name not in self.headers]
        return absent + [f"lib{name}.so" for name in LIBRARIES if name not in self.libraries]


def find_nvcc() -> str:
    """Path of a CUDA compiler, the one of ``nvcc_path`` first, or an empty string."""
    chosen = os.environ.get("nvcc_path")
    if chosen:
        return shutil.which(chosen) or ""
    wheels = [str(folder / "bin" / "nvcc") for folder in _wheel_folders()]
    for candidate in (*wheels, "nvcc", *_USUAL_PLACES):
        found = shutil.which(candidate)
        if found:
            return found
    return ""


def read_toolkit(nvcc: str) -> Toolkit | None:
    """The toolkit of a compiler; None when the compiler does not run."""
    version = _version(nvcc)
    if version is None:
        return None
    home = _home(nvcc)
    roots = [home, home / "targets" / f"{_ARCHITECTURE}-linux", *_wheels_for(version[0], home)]
    include = [root / "include" for root in roots] + [Path(name) for name in _SYSTEM_INCLUDE]
    folders = [root / part for root in roots for part in ("lib64", "lib")]
    library = folders + [Path(name) for name in _SYSTEM_LIBRARY]
    headers = {name: found for name in HEADERS if (found := _header(name, include))}
    libraries = {name: found for name in LIBRARIES if (found := _library(name, library))}
    cudnn = _cudnn_major(headers["cudnn.h"].parent) if "cudnn.h" in headers else 0
    return Toolkit(nvcc, version, cudnn, headers, libraries)


def _answer(*command: str) -> str | None:
    """What a command prints, on both streams; None when it fails."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout + answer.stderr


def _version(nvcc: str) -> tuple[int, int] | None:
    """Major and minor version, None when the compiler does not run."""
    found = re.search(r"release (\d+)\.(\d+)", _answer(nvcc, "--version") or "")
    return (int(found.group(1)), int(found.group(2))) if found else None


def _home(nvcc: str) -> Path:
    """The toolkit's folder, also where `nvcc` is a script that calls the real one elsewhere."""
    said = _answer(nvcc, "--dryrun", "-x", "cu", os.devnull) or ""
    found = re.search(r"_HERE_=(\S.*)", said)
    here = Path(found.group(1)) if found else Path(os.path.realpath(nvcc)).parent
    return here.resolve().parent


def _wheel_folders() -> list[Path]:
    """Folders of the environment's nvidia wheels: ``nvidia/cu13``, or ``nvidia/<library>``."""
    folders = []
    for name in ("purelib", "platlib"):
        folders += sorted((Path(sysconfig.get_path(name)) / "nvidia").glob("*/"))
    return list(dict.fromkeys(folders))


def _wheels_for(major: int, home: Path) -> list[Path]:
    """Wheel folders that go with a CUDA: since 13 one folder, before one for each library.

    home : the compiler's folder; where it is a wheel itself, its neighbours count, too
    """
    beside = sorted(home.parent.glob("*/")) if home.parent.name == "nvidia" else []
    folders = list(dict.fromkeys([*beside, *_wheel_folders()]))
    own = [folder for folder in folders if folder.name == f"cu{major}"]
    if not own and any((folder / "lib" / f"libcudart.so.{major}").exists() for folder in folders):
        own = [folder for folder in folders if not re.fullmatch(r"cu\d+", folder.name)]
    return own + [folder for folder in folders if folder.name == "cudnn" and folder not in own]


def _header(name: str, folders: list[Path]) -> Path | None:
    """The first folder's header of that name."""
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _library(name: str, folders: list[Path]) -> Path | None:
    """The first folder's library of that name, with or without a version behind it."""
    for folder in folders:
        plain = folder / f"lib{name}.so"
        if plain.is_file():
            return plain
        numbered = [path for path in folder.glob(f"lib{name}.so.*") if path.is_file()]
        if numbered:
            return min(numbered, key=lambda path: len(path.name))
    return None


def _cudnn_major(folder: Path) -> int:
    """Major version of the cuDNN headers in a folder."""
    for name in ("cudnn_version.h", "cudnn.h"):
        header = folder / name
        if header.is_file():
            found = re.search(r"define CUDNN_MAJOR (\d+)", header.read_text(errors="replace"))
            if found:
                return int(found.group(1))
    return 0
