"""Render every mesh of a folder to V shaded gray views: ``<out>/<category>/<instance>.npy``.

    python -m crossmodal.prepare.render_views meshes/ data/my/rendering_my --count 12 --size 224

Each file is (V, size, size) uint8 with a white background. Run it again and only what is missing,
failed or changed is rendered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from crossmodal.geometry.render import DEFAULT, ViewSettings, render_views
from crossmodal.prepare.items import find_items, load_item
from crossmodal.prepare.options import (
    add_common_options,
    add_mesh_options,
    program_parser,
    run_program,
)
from crossmodal.prepare.output import write_array
from crossmodal.prepare.runner import Item, Task, run
from crossmodal.runtime.inside import inside
from crossmodal.runtime.options import add_number, add_whole


def main(
    meshes: Path,
    out: Path,
    settings: ViewSettings = DEFAULT,
    workers: int | None = None,
    redo: bool = False,
    layout: str = "auto",
    up: str | None = None,
) -> Path:
    """Render the meshes of a folder; returns `out`."""
    items = find_items(Path(meshes), layout, up).items
    return render_items(items, Path(out), settings, workers, redo)


def render_items(
    items: Mapping[str, Item],
    out: Path,
    settings: ViewSettings,
    workers: int | None = None,
    redo: bool = False,
) -> Path:
    """Render items whose sources are mesh files to ``<out>/<key>.npy``; returns `out`."""
    run("render_views", items, _render_item, out, asdict(settings), workers, redo)
    return out


def _render_item(task: Task) -> dict[str, Any]:
    settings = ViewSettings(**task.settings)
    views = render_views(
        load_item(task), settings.count, settings.size, settings.elevation, settings
    )
    name = f"{task.key}.npy"
    write_array(inside(task.out, name), views)
    return {"files": [name]}


def _options() -> dict[str, Any]:
    parser = program_parser(__doc__)
    parser.add_argument("meshes", type=Path, help="folder of meshes, at any depth")
    parser.add_argument("out", type=Path, help="folder for the views and manifest.json")
    add_whole(parser, "--count", 1, 1024, "views a shape", ViewSettings.count)
    add_whole(parser, "--size", 8, 4096, "pixels a side", ViewSettings.size)
    add_number(parser, "--elevation", -90, 90, "degrees", ViewSettings.elevation)
    add_mesh_options(parser)
    add_common_options(parser)
    options = vars(parser.parse_args())
    views = {name: options.pop(name) for name in ("count", "size", "elevation")}
    return {**options, "settings": ViewSettings(**views)}


if __name__ == "__main__":
    run_program(main, _options())
