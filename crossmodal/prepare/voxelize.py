"""Turn every mesh of a folder into solid voxels: ``<out>/<category>/<instance>.binvox``.

    python -m crossmodal.prepare.voxelize meshes/ data/my/model_std_bin128

The longest side of a shape fills the grid; see `crossmodal.geometry.voxels` for what is occupied.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal.geometry.binvox import write_binvox
from crossmodal.geometry.voxels import voxelize
from crossmodal.prepare.items import find_items, load_item
from crossmodal.prepare.options import (
    add_common_options,
    add_mesh_options,
    program_parser,
    run_program,
)
from crossmodal.prepare.runner import Item, Task, run
from crossmodal.runtime.atomic import atomic_write_in
from crossmodal.runtime.options import add_whole

SIZE = 128


def main(
    meshes: Path,
    out: Path,
    size: int = SIZE,
    workers: int | None = None,
    redo: bool = False,
    layout: str = "auto",
    up: str | None = None,
) -> Path:
    """Voxelize the meshes of a folder; returns `out`."""
    items = find_items(Path(meshes), layout, up).items
    return voxelize_items(items, Path(out), size, workers, redo)


def voxelize_items(
    items: Mapping[str, Item],
    out: Path,
    size: int = SIZE,
    workers: int | None = None,
    redo: bool = False,
) -> Path:
    """Voxelize items whose sources are mesh files to ``<out>/<key>.binvox``; returns `out`."""
    run("voxelize", items, _voxelize_item, out, {"size": size}, workers, redo)
    return out


def _voxelize_item(task: Task) -> dict[str, Any]:
    voxels = voxelize(load_item(task, normalised=True), task.settings["size"])
    name = f"{task.key}.binvox"
    with atomic_write_in(task.out, name) as file:
        write_binvox(file, voxels)
    return {"files": [name], "occupied": int(voxels.grid.sum())}


def _parse() -> argparse.Namespace:
    parser = program_parser(__doc__)
    parser.add_argument("meshes", type=Path, help="folder of meshes, at any depth")
    parser.add_argument("out", type=Path, help="folder for the grids and manifest.json")
    add_whole(parser, "--size", 2, 512, "voxels a side", SIZE)
    add_mesh_options(parser)
    add_common_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_program(main, vars(_parse()))
