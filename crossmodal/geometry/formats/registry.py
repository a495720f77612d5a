"""Which reader a file gets, by its suffix."""

from __future__ import annotations

from importlib import import_module, util
from pathlib import Path

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.foreign import REMEDIES
from crossmodal.runtime.time_limit import TooSlow, time_limit
from crossmodal.runtime.what_it_is import describe_file

# The module here that reads a format, by its function read_MODULE; imported when it is needed.
READERS = {
    ".obj": "obj",
    ".ply": "ply",
    ".glb": "gltf",
    ".gltf": "gltf",
    ".stl": "stl",
    ".off": "off",
    ".npz": "npz",
}
# Read where these packages are installed: our module, and theirs by name with what pip calls them.
OPTIONAL = {
    ".3mf": ("scene", {"lxml": "lxml", "networkx": "networkx"}),
    ".dae": ("dae", {"collada": "pycollada"}),
    ".step": ("step", {"cascadio": "cascadio"}),
    ".stp": ("step", {"cascadio": "cascadio"}),
}
READERS.update({suffix: name for suffix, (name, modules) in OPTIONAL.items()
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
    name = READERS.get(suffix)
    if name is None:
        advice = remedy(suffix) or f"use one of {', '.join(SUFFIXES)}"
        raise MeshError(f"{path}: {suffix or 'no suffix'} is not read here; {advice}")
    if not path.is_file():
        raise MeshError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise MeshError(f"{path}: the file is empty (0 bytes); fetch or export it again")
    reader = getattr(import_module(f"{__package__}.{name}"), f"read_{name}")
    try:
        with time_limit(path.stat().st_size):
            return reader(path)
    except TooSlow as error:
        raise MeshError(f"{path}: {error}; export it again") from error
    except MeshError as error:
        kind = describe_file(path)
        if kind is None:
            raise
        raise MeshError(f"{path}: this is {kind}") from error
    except MemoryError as error:
        raise MeshError(f"{path}: too large for the memory; export it with fewer faces") from error
