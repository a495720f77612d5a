"""Which meshes lie in a folder, and which shape each file is.

Every mesh file is a shape of its own, keyed by its relative path without the suffix:
``chair/train/chair_0001.off`` is ``chair/train/chair_0001``. Files of one name in one folder, as
``lamp.obj`` and ``lamp.stl``, are one shape in several formats. Where all shapes are named alike,
as ``chair/oslo/model.obj``, the folder is the shape: ``chair/oslo``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from crossmodal.data.walk import files_below
from crossmodal.geometry.formats.registry import remedy
from crossmodal.geometry.mesh import MESH_SUFFIXES, Mesh, load_mesh
from crossmodal.prepare.runner import Item, Task
from crossmodal.prepare.upright import FRONTS, turned
from crossmodal.runtime.log import get_logger

logger = get_logger(__name__)

LAYOUTS = ("auto", "files", "folders")
# Names that say nothing of the shape: its folder does.
_NAMES = {"model", "model_normalized", "mesh", "object", "scene"}
_INNER = {"model", "models", "mesh", "meshes"}  # folders between a shape's folder and its file
_UP_BY_SUFFIX = {".3mf": "z", ".step": "z", ".stl": "z", ".stp": "z"}  # printed or machined
_NO_AXIS = {".obj", ".off", ".ply"}  # formats that do not say which way is up


@dataclass(frozen=True)
class Found:
    """The shapes of a folder, and what was left out.

    items : key -> mesh file and, where it is not y, the axis that points up in it
    unsupported : suffix -> number of files in that format
    """

    items: dict[str, Item]
    unsupported: dict[str, int] = field(default_factory=dict)


def find_items(folder: Path, layout: str = "auto", up: str | None = None) -> Found:
    """The shapes of a folder, sorted by key, for `load_item`; what is not plain is said in the log.

    layout : "files", every file is a shape; "folders", all below category/instance is one shape,
        of which the shallowest file, then one named model is taken; "auto" as this module says
    up : the axis that points up in the files, as "y" or "-z". None: z in .stl, .3mf and .step, y
        in all others. A .stl beside a .obj, .off or .ply is taken as these are: none of them says.
    Raises FileNotFoundError when there is none.
    """
    check_folder(folder)
    files = files_below(folder)
    meshes = [path for path in files if path.suffix.lower() in MESH_SUFFIXES]
    unsupported = _unsupported(files)
    if unsupported:
        logger.warning("left out: %s", _advice(unsupported))
    if not meshes:
        raise FileNotFoundError(f"{folder}: no mesh in it; looked for files of the formats "
                                f"{', '.join(MESH_SUFFIXES)}, in folders below, too")
    grouped = _by_folder(meshes, folder) if layout == "folders" else \
        _by_file(meshes, folder, folders_count=layout == "auto")
    _say(grouped, folder, len(meshes))
    chosen = {key: min(paths, key=_preference) for key, paths in sorted(grouped.items())}
    ups = dict.fromkeys(chosen, up) if up else _usual_ups(chosen)
    _say_axes(chosen, ups, given=up is not None)
    items = {key: Item(path, {} if ups[key] == "y" else {"up": ups[key]})
             for key, path in chosen.items()}
    return Found(items, unsupported)


def check_folder(folder: Path) -> None:
    """Raise FileNotFoundError where there is no such folder of meshes."""
    if folder.is_file():
        raise FileNotFoundError(f"{folder} is a file; give the folder it lies in, {folder.parent}")
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder of meshes; give one that is there")


def load_upright(path: Path, up: str, normalised: bool = False) -> Mesh:
    """The mesh in a file in which the axis `up` points up, turned so that +y does."""
    return as_upright(load_mesh(path, normalised), up)


def as_upright(mesh: Mesh, up: str) -> Mesh:
    """A mesh in which the axis `up` points up, turned so that +y does."""
    return mesh if up == "y" else turned(mesh, up, FRONTS[up])


def load_item(task: Task, normalised: bool = False) -> Mesh:
    """The mesh of a task whose item `find_items` made, turned so that +y is up."""
    return load_upright(task.source, task.facts.get("up", "y"), normalised)


def _usual_ups(files: Mapping[str, Path]) -> dict[str, str]:
    """Which axis points up in each file, as far as its format and its neighbours tell."""
    with_no_axis = {path.parent for path in files.values() if path.suffix.lower() in _NO_AXIS}
    return {key: "y" if path.parent in with_no_axis
            else _UP_BY_SUFFIX.get(path.suffix.lower(), "y") for key, path in files.items()}


def _by_file(
    meshes: Iterable[Path], folder: Path, folders_count: bool
) -> dict[str, list[Path]]:
    """Files by key; `folders_count`: a file named like all others is keyed by its folder."""
    grouped: dict[str, list[Path]] = {}
    for path in sorted(meshes, key=lambda path: (len(path.parts), path)):
        inside = path.relative_to(folder)
        plain = inside.with_suffix("").as_posix()
        key = _folder_key(inside) if folders_count and _is_unnamed(inside) else plain
        taken = grouped.get(key)
        if taken and (taken[0].parent, taken[0].stem) != (path.parent, path.stem):
            key = plain if plain != key else inside.as_posix()
        grouped.setdefault(key, []).append(path)
    return grouped


def _by_folder(meshes: Iterable[Path], folder: Path) -> dict[str, list[Path]]:
    """Files by ``category/instance``; those of a flat folder by their names."""
    grouped: dict[str, list[Path]] = {}
    for path in meshes:
        inside = path.relative_to(folder)
        deep = len(inside.parts) > 2
        key = "/".join(inside.parts[:2]) if deep else inside.with_suffix("").as_posix()
        grouped.setdefault(key, []).append(path)
    return grouped


def _is_unnamed(inside: Path) -> bool:
    return len(inside.parts) > 1 and inside.stem.lower() in _NAMES


def _folder_key(inside: Path) -> str:
    parts = inside.parts[:-1]
    while len(parts) > 1 and parts[-1].lower() in _INNER:
        parts = parts[:-1]
    return "/".join(parts)


def _preference(path: Path) -> tuple[int, bool, int, str]:
    depth = len(path.parts)
    return depth, path.stem != "model", MESH_SUFFIXES.index(path.suffix.lower()), path.name


def _unsupported(files: Iterable[Path]) -> dict[str, int]:
    counts = Counter(path.suffix.lower() for path in files)
    return {suffix: count for suffix, count in sorted(counts.items())
            if suffix not in MESH_SUFFIXES and remedy(suffix)}


def _advice(unsupported: Mapping[str, int]) -> str:
    return "; ".join(f"{count} {suffix} ({remedy(suffix)})"
                     for suffix, count in unsupported.items())


def _say(grouped: Mapping[str, list[Path]], folder: Path, count: int) -> None:
    """How files became shapes."""
    by_folder = [key for key, paths in grouped.items()
                 if key != paths[0].relative_to(folder).with_suffix("").as_posix()]
    logger.info("%s: %d mesh files, %d shapes%s", folder, count, len(grouped),
                f"; {len(by_folder)} of them are named by their folders (--layout files: by file)"
                if by_folder else "")
    several = sorted(key for key, paths in grouped.items() if len(paths) > 1)
    if several:
        kept, *rest = sorted(grouped[several[0]], key=_preference)
        logger.warning(
            "%d of %d shapes have several files, of which one is used; the first, %s: using %s, "
            "leaving %s", len(several), len(grouped), several[0], kept.name,
            ", ".join(path.name for path in rest))


def _say_axes(files: Mapping[str, Path], ups: Mapping[str, str], given: bool) -> None:
    """Which way is up in files that do not say so, where that is not y."""
    turned_files = Counter((files[key].suffix.lower(), up) for key, up in ups.items() if up != "y")
    for (suffix, up), count in sorted(turned_files.items()):
        logger.info("%d %s taken with %s up%s", count, suffix, up,
                    "" if given else " (--up y where that is wrong)")
