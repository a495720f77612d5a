"""Which reader a file gets, by its suffix."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.npz import read_npz
from crossmodal.geometry.formats.obj import read_obj
from crossmodal.geometry.formats.off import read_off
from crossmodal.geometry.formats.ply import read_ply
from crossmodal.geometry.formats.scene import read_scene
from crossmodal.geometry.formats.stl import read_stl

READERS: dict[str, Callable[[Path], Content]] = {
    ".obj": read_obj,
    ".ply": read_ply,
    ".glb": read_scene,
    ".gltf": read_scene,
    ".stl": read_stl,
    ".off": read_off,
    ".npz": read_npz,
}
SUFFIXES = tuple(READERS)


def read(path: Path) -> Content:
    """What a mesh file holds. Raises MeshError naming the file and the remedy."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise MeshError(f"{path}: unknown mesh format; use one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise MeshError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise MeshError(f"{path}: the file is empty (0 bytes); fetch or export it again")
    try:
        return reader(path)
    except MemoryError as error:
        raise MeshError(f"{path}: too large for the memory; export it with fewer faces") from error
