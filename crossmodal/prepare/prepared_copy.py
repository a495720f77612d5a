"""The prepared copy of furniture: ``mesh/ID.npz``, ``icon/ID.jpg``, ``meta.json``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from crossmodal.data.errors import DataError
from crossmodal.data.images import read_rgb
from crossmodal.geometry.mesh import Mesh, load_mesh
from crossmodal.geometry.silhouette import plain_background_mask
from crossmodal.prepare.furniture import Furniture


def read_prepared(folder: Path) -> list[Furniture]:
    """Every piece listed in ``meta.json``; DataError naming the file when it is not readable."""
    path = folder / "meta.json"
    try:
        records = json.loads(path.read_text(encoding="utf-8-sig"))
        return [
            Furniture(
                id=record["id"],
                name=record["name"],
                category=record["category"],
                creator=record["creator"],
                licence=record["license"],
                source=folder,
                model=f"mesh/{record['id']}.npz",
                icon=f"icon/{record['id']}.jpg",
            )
            for record in records
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not the list of a prepared copy ({type(error).__name__}: {error})"
        ) from error


def read_mesh(entry: Furniture) -> Mesh:
    """The model of an entry, in the unit sphere."""
    return load_mesh(entry.source / entry.model, normalised=True)


def read_icon(entry: Furniture) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 icon and (H, W) uint8 mask, cut out of its white background."""
    colour = read_rgb(entry.source / entry.icon)
    return colour, plain_background_mask(colour)
