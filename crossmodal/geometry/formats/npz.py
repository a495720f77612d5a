"""NumPy's archives of arrays, ``.npz``."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.content import Content


def read_npz(path: Path) -> Content:
    """Vertices ``v``, faces ``f`` and, where it is there, colours of faces ``c``; never pickled.

    Raises MeshError naming the file.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = {"v", "f"} - set(arrays.files)
            if missing:
                raise MeshError(f"{path}: lacks {sorted(missing)}; a mesh .npz has keys v and f")
            colours = arrays["c"] if "c" in arrays.files else None
            return Content(arrays["v"], arrays["f"], colours)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, MeshError):
            raise
        raise MeshError(f"{path}: not a readable .npz file ({error})") from error
