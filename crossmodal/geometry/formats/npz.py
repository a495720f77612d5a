"""NumPy's archives of arrays, ``.npz``."""

from __future__ import annotations

from pathlib import Path

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats import checks
from crossmodal.geometry.formats.content import Content
from crossmodal.runtime import safe_files
from crossmodal.runtime.brief import one_line


def read_npz(path: Path) -> Content:
    """Vertices ``v``, faces ``f`` and, where it is there, colours of faces ``c``; never pickled.

    Raises MeshError naming the file.
    """
    try:
        arrays = safe_files.read_npz(path, ("v", "f", "c"))
    except (OSError, ValueError, EOFError) as error:
        raise MeshError(f"{path}: not a readable .npz file ({one_line(error)})") from error
    missing = {"v", "f"} - set(arrays)
    if missing:
        raise MeshError(f"{path}: lacks {sorted(missing)}; a mesh .npz has keys v and f")
    vertices, faces = arrays["v"], arrays["f"]
    checks.check_mesh(path, vertices.size // 3, faces.size // 3)
    return Content(vertices, faces, arrays.get("c"))
