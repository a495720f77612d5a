"""Which meshes lie in a folder, keyed by ``category/instance``.

Understood: ``category/instance.ext`` and ``category/instance/anything.ext`` (deeper too, as in
ShapeNet), and a flat folder of files, keyed by ``instance`` alone.
"""

from __future__ import annotations

from pathlib import Path

from crossmodal.geometry.mesh import MESH_SUFFIXES
from crossmodal.runtime.log import get_logger

logger = get_logger(__name__)


def find_meshes(folder: Path) -> dict[str, Path]:
    """{key: mesh file}, sorted by key. Raises FileNotFoundError when there is none.

    Of several files with one key the shallowest, then one named ``model``, then the first format of
    MESH_SUFFIXES is taken, and the others are named in a warning.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder of meshes")
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in MESH_SUFFIXES and path.is_file():
            found.setdefault(_key(path.relative_to(folder)), []).append(path)
    if not found:
        raise FileNotFoundError(
            f"{folder}: no mesh in it; expected category/instance{{.obj,.ply,...}}"
        )
    doubled = sorted(key for key, paths in found.items() if len(paths) > 1)
    if doubled:
        kept, *rest = sorted(found[doubled[0]], key=_preference)
        logger.warning(
            "%d of %d items have several mesh files; the first, %s: using %s, leaving %s",
            len(doubled),
            len(found),
            doubled[0],
            kept.name,
            ", ".join(path.name for path in rest),
        )
    return {key: min(found[key], key=_preference) for key in sorted(found)}


def _key(relative: Path) -> str:
    if len(relative.parts) == 1:
        return relative.stem
    category, instance = relative.parts[:2]
    return f"{category}/{Path(instance).stem if len(relative.parts) == 2 else instance}"


def _preference(path: Path) -> tuple[int, bool, int, str]:
    depth = len(path.parts)
    return depth, path.stem != "model", MESH_SUFFIXES.index(path.suffix.lower()), path.name
