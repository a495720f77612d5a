"""The prepared copy of furniture: ``mesh/ID.npz``, ``icon/ID.jpg``, ``meta.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.data.errors import DataError
from crossmodal.data.images import read_rgb
from crossmodal.geometry.mesh import Mesh, load_mesh
from crossmodal.geometry.silhouette import plain_background_mask
from crossmodal.prepare.annotation_files import name_of, read_json, sound_rows, text
from crossmodal.prepare.furniture import Furniture
from crossmodal.runtime.brief import brief


def read_prepared(folder: Path) -> list[Furniture]:
    """Every sound piece listed in ``meta.json``; others are named and counted in a warning.

    Raises DataError naming the file when it is not readable, or no piece of it can be used.
    """
    path = folder / "meta.json"
    records = read_json(path, "get the prepared copy again")
    if not isinstance(records, list):
        raise DataError(f"{path}: not the list of a prepared copy, but {brief(records)}")
    rows = ((f"entry {number}", record) for number, record in enumerate(records))
    return sound_rows(rows, lambda record: _piece(folder, record), path, "pieces")


def _piece(folder: Path, record: Any) -> Furniture:
    name = name_of(text(record, "id"), "id")
    return Furniture(
        id=name,
        name=text(record, "name"),
        category=text(record, "category"),
        creator=text(record, "creator"),
        licence=text(record, "license"),
        source=folder,
        model=f"mesh/{name}.npz",
        icon=f"icon/{name}.jpg",
    )


def read_mesh(entry: Furniture) -> Mesh:
    """The model of an entry, in the unit sphere."""
    return load_mesh(entry.source / entry.model, normalised=True)


def read_icon(entry: Furniture) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 icon and (H, W) uint8 mask, cut out of its white background."""
    colour = read_rgb(entry.source / entry.icon)
    return colour, plain_background_mask(colour)
