"""What a mesh file holds, or every mesh of a folder: read rightly, or why not.

    python -m crossmodal.prepare.inspect model.glb
    python -m crossmodal.prepare.inspect my_meshes --sheet sheet.png

A line for each mesh: parts, faces, whether it is closed, its size in its own units, which axis
seems to point up, and what says nothing of the shape and is not looked at. The sheet shows one view
of each, as an index would see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.registry import read
from crossmodal.geometry.mesh import make_mesh
from crossmodal.geometry.mesh_facts import is_watertight, likely_up
from crossmodal.geometry.render import render_views
from crossmodal.prepare.contact_sheet import TILE, Tile, write_sheets
from crossmodal.prepare.items import Found, as_upright, find_items
from crossmodal.prepare.options import add_mesh_options, program_parser, run_program
from crossmodal.prepare.runner import Item
from crossmodal.runtime.limits import add_memory_option
from crossmodal.runtime.log import say
from crossmodal.runtime.options import add_workers
from crossmodal.runtime.worker_pool import DIED, TOO_MUCH, bounded, each

Named = tuple[str, Item]


@dataclass(frozen=True)
class Look:
    """What was seen of a mesh.

    size : x, y and z in the file's units; up : the axis that seems to point up, None: not clear
    view : (TILE, TILE) uint8; problem : why the mesh cannot be used, "" where it can
    """

    problem: str = ""
    parts: int = 0
    faces: int = 0
    watertight: bool = False
    size: tuple[float, float, float] = (0.0, 0.0, 0.0)
    up: str | None = None
    ignored: tuple[str, ...] = ()
    view: np.ndarray | None = None


def main(
    path: Path,
    sheet: Path | None = None,
    layout: str = "auto",
    up: str | None = None,
    workers: int | None = None,
) -> dict[str, Look]:
    """Print what every mesh holds; returns it by key. Raises FileNotFoundError for no mesh."""
    found = _found(Path(path), layout, up)
    looks = _look_at_all(found.items, sheet is not None, workers)
    for key, look in looks.items():
        say(f"{key}: {describe(look)}\n")
    say(_summary(looks, found))
    if sheet is not None:
        tiles = [Tile(look.view, [key], "green" if look.watertight else "silver")
                 for key, look in looks.items() if look.view is not None]
        for page in write_sheets(Path(sheet), tiles):
            say(f"{page}: one view of each mesh; green: closed surfaces\n")
    return looks


def look_at(item: Item, with_view: bool = False) -> Look:
    """What one mesh holds, or why it cannot be used."""
    assert item.source is not None
    try:
        content = read(item.source)
        mesh = make_mesh(content.vertices, content.faces, content.colours, name=str(item.source))
    except MeshError as error:
        return Look(problem=str(error))
    view = None
    if with_view:
        view = render_views(as_upright(mesh, item.facts.get("up", "y")), 1, TILE)[0]
    used = content.vertices[np.unique(content.faces)]
    x, y, z = np.ptp(used, axis=0).tolist()
    return Look("", content.parts, len(mesh.faces), is_watertight(mesh), (x, y, z),
                likely_up(mesh), content.ignored, view)


def describe(look: Look) -> str:
    """One line, without the mesh's name."""
    if look.problem:
        return f"cannot be used: {look.problem}"
    closed = "closed" if look.watertight else "open"
    size = " x ".join(f"{side:.4g}" for side in look.size)
    ignored = f"; not looked at: {', '.join(look.ignored)}" if look.ignored else ""
    return (f"{look.parts} part{'s' * (look.parts != 1)}, {look.faces} faces, {closed}, {size}, "
            f"up {look.up or 'unclear'}{ignored}")


def _found(path: Path, layout: str, up: str | None) -> Found:
    if not path.is_file():
        return find_items(path, layout, up)
    return Found({path.name: Item(path, {"up": up} if up else {})})


def _look_at_all(
    items: Mapping[str, Item], with_view: bool, workers: int | None
) -> dict[str, Look]:
    named = dict(each(partial(_look, with_view), list(items.items()), workers, _died))
    return {key: named[key] for key in items}


def _look(with_view: bool, named: Named) -> tuple[str, Look]:
    key, item = named
    assert item.source is not None
    try:
        with bounded(item.source):
            return key, look_at(item, with_view)
    except MemoryError:
        return key, Look(problem=TOO_MUCH)


def _died(named: Named) -> tuple[str, Look]:
    return named[0], Look(problem=DIED)


def _summary(looks: Mapping[str, Look], found: Found) -> str:
    broken = sum(bool(look.problem) for look in looks.values())
    unsupported = sum(found.unsupported.values())
    return (f"{len(looks) + unsupported} found: {len(looks) - broken} can be used, {unsupported} "
            f"not supported, {broken} broken\n")


def _parse() -> dict[str, Any]:
    parser = program_parser(__doc__)
    parser.add_argument("path", type=Path, help="a mesh file, or a folder of them")
    parser.add_argument("--sheet", type=Path, help="draw one view of each to this .png")
    add_mesh_options(parser)
    add_workers(parser)
    add_memory_option(parser)
    return vars(parser.parse_args())


if __name__ == "__main__":
    run_program(main, _parse())
