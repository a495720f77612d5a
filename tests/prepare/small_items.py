"""Small things the tests of preparation share: meshes on disk, hashes of folders, a test worker."""

from __future__ import annotations

import hashlib
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.prepare.output import write_bytes
from crossmodal.prepare.runner import Task

CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
QUADS = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
FACES = np.array([f for a, b, c, d in QUADS for f in ((a, b, c), (a, c, d))], np.int32)


def write_box(path: Path, size: tuple[float, float, float] = (1, 2, 1)) -> Path:
    """A box as .npz or .obj."""
    path.parent.mkdir(parents=True, exist_ok=True)
    vertices = CORNERS * np.array(size, np.float32) / 2
    if path.suffix == ".npz":
        np.savez(path, v=vertices, f=FACES)
    else:
        path.write_bytes(box_obj(size))
    return path


def box_obj(size: tuple[float, float, float]) -> bytes:
    """A box as the text of an .obj file."""
    vertices = CORNERS * np.array(size, np.float32) / 2
    lines = [f"v {x} {y} {z}" for x, y, z in vertices]
    lines += [f"f {a} {b} {c}" for a, b, c in FACES + 1]
    return ("\n".join(lines) + "\n").encode()


def library(folder: Path, count: int = 3) -> Path:
    """A folder of boxes of different shapes: chair/chair_0.npz ..."""
    for index in range(count):
        write_box(folder / "chair" / f"chair_{index}.npz", (1, 1 + index, 0.5))
    return folder


def folder_hash(folder: Path) -> dict[str, str]:
    """{relative path: sha256} of every file."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def square(task: Task) -> dict[str, Any]:
    """Write the square of the item's number; fail or die where the facts say so."""
    if task.facts.get("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    if "error" in task.facts:
        raise ValueError(task.facts["error"])
    if "errno" in task.facts:
        raise OSError(task.facts["errno"], os.strerror(task.facts["errno"]))
    text = f"{task.facts['number'] ** task.settings['power']}\n"
    write_bytes(task.out / f"{task.key}.txt", text.encode())
    return {"files": [f"{task.key}.txt"]}
