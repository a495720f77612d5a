"""Meshes of a data set on disk, as ``model/<category>/<instance>/model.npz``.

Text formats are slow to read, and three programs read each mesh: they are read once, checked,
turned to stand like all others, and stored. What is broken is known before anything is rendered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.geometry.mesh import load_mesh
from crossmodal.prepare.runner import Item, Task, run
from crossmodal.prepare.shapenet_source import Model, read_model
from crossmodal.prepare.upright import turned
from crossmodal.runtime.atomic import atomic_write_in
from crossmodal.runtime.log import get_logger

logger = get_logger(__name__)


def import_meshes(
    meshes: Mapping[str, Model],
    folder: Path,
    front: str = "z",
    workers: int | None = None,
    redo: bool = False,
) -> dict[str, Path]:
    """Store {category/instance: mesh}, y up; returns {key: .npz file} of the sound ones.

    front : axis that the shapes face in the source; in the data set, they face +z
    Materials are not read: a missing or broken texture costs nothing.
    """
    out = folder / "model"
    items = {key: Item(mesh.path, {"member": mesh.member}) for key, mesh in meshes.items()}
    manifest = run("import_meshes", items, _import_mesh, out, {"front": front}, workers, redo)
    return {key: out / model_name(key) for key in manifest.done(sorted(meshes))}


def count_views(views: Path, keys: Collection[str]) -> int:
    """Shapes that have views in a folder; a warning counts those that are none of `keys`."""
    there = {path.relative_to(views).as_posix()[:-len(".npy")] for path in views.rglob("*.npy")}
    others = there.difference(keys)
    if others:
        logger.warning("%s: %d shapes of an earlier run stay in the gallery (first: %s); --redo "
                       "removes them", views, len(others), min(others))
    return len(there)


def model_name(key: str) -> str:
    """Path of a shape's mesh in the folder ``model``."""
    return f"{key}/model.npz"


def _import_mesh(task: Task) -> dict[str, Any]:
    member = task.facts["member"]
    is_obj = member or task.source.suffix.lower() == ".obj"
    mesh = read_model(task.source, member) if is_obj else load_mesh(task.source)
    mesh = turned(mesh, front=task.settings["front"])
    name = model_name(task.key)
    with atomic_write_in(task.out, name) as file:
        np.savez_compressed(file, v=mesh.vertices, f=mesh.faces)
    return {"files": [name], "faces": len(mesh.faces)}
