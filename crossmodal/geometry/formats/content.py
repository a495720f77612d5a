"""What a reader finds in a mesh file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Content:
    """The triangles of a file, as they stand there, and what was left out on purpose.

    vertices : (N, 3) float64, every number as the file gives it, placed in the scene
    faces    : (M, 3) int64 rows of `vertices`; polygons are cut into triangles
    colours  : (M, 3) uint8 colour of each face; None where the file has no colours
    parts    : objects, primitives or solids that were put together
    ignored  : kinds of content that say nothing about the shape, such as "lights" or "textures"
    """

    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray | None = None
    parts: int = 1
    ignored: tuple[str, ...] = ()
