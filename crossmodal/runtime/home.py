"""Where Jittor keeps what it builds, computed as Jittor does, and whether it can be used.

Jittor takes the environment variable JITTOR_HOME, else what ``~/.cache/jittor/config.json`` holds,
else the home folder, and puts everything in ``<that>/.cache/jittor``. On its own it would also
remember a JITTOR_HOME that was set once for every later run; :func:`jittor_at_home` prevents that.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from crossmodal.runtime.errors import SetupError

HOME_VARIABLE = "JITTOR_HOME"
COLD_BUILD_MIB = 750  # a CPU build takes some 100, headers 130, oneDNN 50, operators more with use
WARM_MIB = 20


def jittor_home() -> Path:
    """The folder Jittor uses as its home in this process."""
    utils = sys.modules.get("jittor_utils")
    if utils is not None and hasattr(utils, "home"):
        return Path(utils.home())
    chosen = os.environ.get(HOME_VARIABLE) or _remembered() or str(Path.home())
    return Path(os.path.abspath(chosen))


def cache_root(home: Path) -> Path:
    """Folder inside a Jittor home that holds everything Jittor downloads and builds."""
    return home / ".cache" / "jittor"


def own_folder(home: Path) -> Path:
    """Folder inside a Jittor home for what this project puts beside Jittor's own files."""
    return cache_root(home) / "crossmodal"


def check_home(home: Path) -> None:
    """Raise SetupError unless files can be made in the Jittor home."""
    root = cache_root(home)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root) as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        raise SetupError(
            f"Jittor compiles its operators into {root}, which cannot be written "
            f"({error.strerror or error}): set {HOME_VARIABLE} to a folder you can write to, "
            f"with {COLD_BUILD_MIB} MiB free."
        ) from error


def check_space(home: Path, needed_mib: int) -> None:
    """Raise SetupError unless the Jittor home has that much free space, in MiB."""
    free = shutil.disk_usage(cache_root(home)).free // 2**20
    if free < needed_mib:
        raise SetupError(
            f"{free} MiB are free in {cache_root(home)}, where Jittor compiles its operators; "
            f"{needed_mib} MiB are needed: free some space, or set {HOME_VARIABLE} to a folder "
            "on another disk."
        )


@contextlib.contextmanager
def jittor_at_home(home: Path) -> Iterator[None]:
    """Let Jittor see its home as the user's, so that it neither writes elsewhere nor remembers it.

    A read-only home folder is then no obstacle either, as long as JITTOR_HOME can be written.
    """
    variable = "USERPROFILE" if os.name == "nt" else "HOME"
    if not os.environ.get(HOME_VARIABLE):
        yield
        return
    before = os.environ.get(variable)
    os.environ[variable] = str(home)
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


def _remembered() -> str:
    """The home an earlier run of Jittor noted in the user's config file, or an empty string."""
    file = cache_root(Path.home()) / "config.json"
    try:
        noted = json.loads(file.read_text())
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise SetupError(
            f"{file}, where Jittor notes its home, cannot be read ({error}): delete it."
        ) from error
    return str(noted.get(HOME_VARIABLE, "")) if isinstance(noted, dict) else ""
