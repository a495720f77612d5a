"""Which reader a file gets, by its suffix."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.gltf import read_gltf
from crossmodal.geometry.formats.npz import read_npz
from crossmodal.geometry.formats.scene import read_scene
from crossmodal.geometry.formats.what_it_is import describe_file

READERS: dict[str, Callable[[Path], Content]] = {
    ".obj": read_scene,
    ".ply": read_scene,
    ".glb": read_gltf,
    ".gltf": read_gltf,
    ".stl": read_scene,
    ".off": read_scene,
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
    except MeshError as error:
        kind = describe_file(path)
        if kind is None:
            raise
        raise MeshError(f"{path}: this is {kind}") from error
