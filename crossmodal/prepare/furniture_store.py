"""A furniture data set on disk: meshes, pictures with masks, views, points and voxels.

``<folder>/model/<category>/<id>/model.npz``, ``<folder>/<kind>/img`` and ``/mask`` (kind: icon,
drawing), ``rendering_<name>/``, ``model_std_ptc10k_npy/`` and ``model_std_bin128/``. Each has its
own manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.geometry.render import ViewSettings
from crossmodal.prepare import prepared_copy, sh3f
from crossmodal.prepare.furniture import Furniture
from crossmodal.prepare.output import write_image
from crossmodal.prepare.render_views import render_items
from crossmodal.prepare.runner import Item, Task, Work, run
from crossmodal.prepare.sample_points import sample_items
from crossmodal.prepare.voxelize import voxelize_items
from crossmodal.runtime.atomic import atomic_write_in
from crossmodal.runtime.inside import inside

SHAPE_STEPS = ("views", "points", "voxels")


def import_models(
    pieces: Iterable[Furniture], folder: Path, workers: int | None = None, redo: bool = False
) -> dict[str, Path]:
    """Store every mesh as ``model/<key>/model.npz``; returns {key: file} of the sound ones."""
    out = folder / "model"
    items = {piece.key: _item(piece, piece.model) for piece in pieces}
    done = run("import_models", items, _import_model, out, {}, workers, redo).done(sorted(items))
    return {key: out / key / "model.npz" for key in done}


def import_pictures(
    pieces: Iterable[Furniture],
    folder: Path,
    kind: str = "icon",
    work: Work | None = None,
    workers: int | None = None,
    redo: bool = False,
) -> set[str]:
    """Store one picture of each piece, and its mask, under ``<kind>/``; returns the sound keys.

    work : reads and writes one picture; None = icons
    """
    items = {piece.key: _item(piece, piece.icon) for piece in pieces}
    manifest = run(f"import_{kind}s", items, work or _import_icon, folder / kind, {}, workers, redo)
    return set(manifest.done(items))


def make_shapes(
    items: Mapping[str, Item],
    folder: Path,
    name: str,
    size: int = 224,
    steps: Sequence[str] = SHAPE_STEPS,
    workers: int | None = None,
    redo: bool = False,
) -> None:
    """Views, points and voxels of meshes, as far as `steps` asks for them."""
    if "views" in steps:
        out = folder / f"rendering_{name}"
        render_items(items, out, ViewSettings(size=size), workers, redo)
    if "points" in steps:
        sample_items(items, folder / "model_std_ptc10k_npy", workers=workers, redo=redo)
    if "voxels" in steps:
        voxelize_items(items, folder / "model_std_bin128", workers=workers, redo=redo)


def piece_of(task: Task) -> Furniture:
    """The piece a task is about."""
    is_library = task.source.suffix == ".sh3f"
    source = task.source if is_library else task.source.parent.parent
    return Furniture.from_facts(task.facts, source)


def write_picture(task: Task, image: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
    """Write an image and its mask for a task; returns the task's record."""
    names = [f"img/{task.key}.jpg", f"mask/{task.key}.png"]
    write_image(inside(task.out, names[0]), image)
    write_image(inside(task.out, names[1]), mask)
    return {"files": names}


def _item(piece: Furniture, member: str) -> Item:
    source = piece.source / member if piece.source.is_dir() else piece.source
    return Item(source, piece.facts())


def _import_model(task: Task) -> dict[str, Any]:
    reader = sh3f if task.source.suffix == ".sh3f" else prepared_copy
    mesh = reader.read_mesh(piece_of(task))
    name = f"{task.key}/model.npz"
    with atomic_write_in(task.out, name) as file:
        np.savez_compressed(file, v=mesh.vertices, f=mesh.faces)
    about = {key: task.facts[key] for key in ("name", "category", "creator", "licence")}
    return {"files": [name], **about}


def _import_icon(task: Task) -> dict[str, Any]:
    reader = sh3f if task.source.suffix == ".sh3f" else prepared_copy
    return write_picture(task, *reader.read_icon(piece_of(task)))
