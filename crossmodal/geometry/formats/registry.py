"""Which reader a file gets, by its suffix."""

from __future__ import annotations

from importlib import util
from pathlib import Path
from typing import Callable

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.dae import read_dae
from crossmodal.geometry.formats.foreign import REMEDIES
from crossmodal.geometry.formats.gltf import read_gltf
from crossmodal.geometry.formats.npz import read_npz
from crossmodal.geometry.formats.obj import read_obj
from crossmodal.geometry.formats.off import read_off
from crossmodal.geometry.formats.ply import read_ply
from crossmodal.geometry.formats.scene import read_scene
from crossmodal.geometry.formats.stl import read_stl
from crossmodal.runtime.what_it_is import describe_file

READERS: dict[str, Callable[[Path], Content]] = {
    ".obj": read_obj,
    ".ply": read_ply,
    ".glb": read_gltf,
    ".gltf": read_gltf,
    ".stl": read_stl,
    ".off": read_off,
    ".npz": read_npz,
}
# Read where these packages are installed: reader, and module by module as pip names them.
OPTIONAL: dict[str, tuple[Callable[[Path], Content], dict[str, str]]] = {
    ".3mf": (read_scene, {"lxml": "lxml", "networkx": "networkx"}),
    ".dae": (read_dae, {"collada": "pycollada"}),
    ".step": (read_scene, {"cascadio": "cascadio"}),
    ".stp": (read_scene, {"cascadio": "cascadio"}),
}
READERS.update({suffix: reader for suffix, (reader, modules) in OPTIONAL.items()
                if all(util.find_spec(module) for module in modules)})
SUFFIXES = tuple(READERS)


def remedy(suffix: str) -> str | None:
    """What to do with a model in a format that is not read here; None: it is no model's."""
    if suffix in OPTIONAL and suffix not in READERS:
        return f"pip install {' '.join(OPTIONAL[suffix][1].values())}"
    return REMEDIES.get(suffix)


def read(path: Path) -> Content:
    """What a mesh file holds. Raises MeshError naming the file and the remedy."""
    suffix = path.suffix.lower()
    reader = READERS.get(suffix)
    if reader is None:
        advice = remedy(suffix) or f"use one of {', '.join(SUFFIXES)}"
        raise MeshError(f"{path}: {suffix or 'no suffix'} is not read here; {advice}")
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
    except MemoryError as error:
        raise MeshError(f"{path}: too large for the memory; export it with fewer faces") from error
