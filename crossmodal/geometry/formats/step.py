"""STEP, ``.step`` and ``.stp``: read by trimesh with cascadio, in a process of its own.

That library is native code, which can crash, or work for ever on a file that looks small.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.scene import content_of
from crossmodal.geometry.formats.text import read_bytes
from crossmodal.runtime import safe_files, worker_pool
from crossmodal.runtime.limits import allowed

SECONDS, SECONDS_PER_BYTE = 60.0, 2 / 2**20  # that reading may take; assemblies take long
HEAD = 1 << 16  # bytes in which a file says what it is
ROOM = 2**30  # bytes of memory besides what the file may take


def read_step(path: Path) -> Content:
    """All solids of a file. Raises MeshError naming it."""
    data = read_bytes(path)
    if b"ISO-10303-21" not in data[:HEAD]:
        raise MeshError(f"{path}: no STEP file: it does not begin with ISO-10303-21; fetch or "
                        "export it again")
    if worker_pool.in_worker():  # which is bounded already
        return content_of(path, data)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "mesh.npz"
        _run(path, result)
        arrays = safe_files.read_npz(result)
    return Content(arrays["v"], arrays["f"], arrays["c"], parts=int(arrays["parts"]))


def _run(path: Path, result: Path) -> None:
    seconds = SECONDS + SECONDS_PER_BYTE * path.stat().st_size
    command = [sys.executable, "-m", __name__, os.path.abspath(path), str(result)]  # noqa: PTH100
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(command, env=environment, timeout=seconds, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
    except subprocess.TimeoutExpired as error:
        raise MeshError(f"{path}: reading it takes more than {seconds:.0f} s; export it as .stl "
                        "from the program that made it") from error
    if done.returncode or not result.is_file():
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        known = said[-1] if said and said[-1].startswith(MARK) else ""
        raise MeshError(f"{path}: {known[len(MARK):] or DIED}")


MARK = "MeshError: "
DIED = ("the program that reads it died, of too much memory or of what is wrong with the file; "
        "export it as .stl from the program that made it")


def _main(path: Path, result: Path) -> int:
    worker_pool.limit_memory(allowed(path.stat().st_size) + ROOM)
    try:
        content = content_of(path, read_bytes(path))
    except MeshError as error:
        sys.stderr.write(f"\n{MARK}{str(error).removeprefix(f'{path}: ')}\n")
        return 1
    colours = np.asarray(content.colours, np.uint8)
    np.savez(result, v=content.vertices, f=content.faces, c=colours, parts=content.parts)
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), Path(sys.argv[2])))
