"""Whether a mesh file may take the memory that it claims."""

from __future__ import annotations

from pathlib import Path

from crossmodal.geometry.errors import MeshError
from crossmodal.runtime.limits import TooLarge, check_claim
from crossmodal.runtime.safe_files import is_file

VERTEX, FACE = 24, 24  # bytes: three float64, three int64


def check_mesh(path: Path, vertices: int, faces: int, size: int | None = None) -> None:
    """Raise MeshError where so many vertices and faces are more than the file may hold.

    size : bytes of the file and of all that belongs to it; None: of the file
    """
    if size is None:
        size = path.stat().st_size if is_file(path) else 0
    try:
        check_claim(f"{vertices} vertices and {faces} faces",
                    VERTEX * vertices + FACE * faces, size)
    except TooLarge as error:
        raise MeshError(f"{path}: {error}") from error
