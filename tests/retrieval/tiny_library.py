"""A small library of meshes and an encoder that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image


class PixelEncoder:
    """Embeds pictures by their pixels: gray, pooled to 8 x 8, projected by fixed random numbers."""

    def __init__(self, fingerprint: str = "pixels", views: int = 4, size: int = 32) -> None:
        self.fingerprint = fingerprint
        self.settings = {"views": views, "size": size, "elevation": 30.0}
        self.w_in = 50 * np.eye(24, dtype=np.float32)  # sharp: the best view decides
        self.projection = np.random.default_rng(0).standard_normal((64, 24))
        self.embedded: list[int] = []

    def encode_views(self, views: np.ndarray) -> np.ndarray:
        self.embedded.append(len(views))
        return np.stack([[self._embed(view) for view in shape] for shape in views])

    def encode_images(
        self, pictures: Sequence[tuple[np.ndarray, np.ndarray | None]]
    ) -> np.ndarray:
        return np.stack([self._embed(np.asarray(Image.fromarray(rgb).convert("L")))
                         for rgb, _ in pictures])

    def _embed(self, gray: np.ndarray) -> np.ndarray:
        small = Image.fromarray(gray).resize((8, 8), Image.Resampling.BOX)
        row = (255.0 - np.asarray(small, np.float64)).ravel() @ self.projection
        return (row / max(float(np.linalg.norm(row)), 1e-9)).astype(np.float32)


SHAPES = {
    "box/flat": lambda: trimesh.creation.box((2, 0.2, 1)),
    "box/tall": lambda: trimesh.creation.box((0.3, 2, 0.3)),
    "round/ball": lambda: trimesh.creation.icosphere(2),
    "round/cone": lambda: trimesh.creation.cone(1, 2),
    "round/ring": lambda: trimesh.creation.torus(1, 0.2),
}


def write_mesh(folder: Path, name: str, mesh: trimesh.Trimesh) -> Path:
    path = folder / f"{name}.ply"
    path.parent.mkdir(parents=True, exist_ok=True)
    mesh.export(path)
    return path
