"""Sample points on every mesh of a folder: ``<out>/<category>/<instance>.npy``, (N, 3) float32.

    python -m crossmodal.prepare.sample_points meshes/ data/my/model_std_ptc10k_npy

Meshes are first moved and scaled into the unit sphere, so that distances of shapes compare.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal.geometry.points import sample_points
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
from crossmodal.runtime.options import add_seed, add_whole

COUNT = 10_000


def main(
    meshes: Path,
    out: Path,
    count: int = COUNT,
    seed: int = 0,
    workers: int | None = None,
    redo: bool = False,
    layout: str = "auto",
    up: str | None = None,
) -> Path:
    """Sample the meshes of a folder; returns `out`."""
    items = find_items(Path(meshes), layout, up).items
    return sample_items(items, Path(out), count, seed, workers, redo)


def sample_items(
    items: Mapping[str, Item],
    out: Path,
    count: int = COUNT,
    seed: int = 0,
    workers: int | None = None,
    redo: bool = False,
) -> Path:
    """Sample items whose sources are mesh files to ``<out>/<key>.npy``; returns `out`."""
    run("sample_points", items, _sample_item, out, {"count": count, "seed": seed}, workers, redo)
    return out


def _sample_item(task: Task) -> dict[str, Any]:
    mesh = load_item(task, normalised=True)
    name = f"{task.key}.npy"
    points = sample_points(mesh, task.settings["count"], task.settings["seed"])
    write_array(inside(task.out, name), points)
    return {"files": [name]}


def _parse() -> argparse.Namespace:
    parser = program_parser(__doc__)
    parser.add_argument("meshes", type=Path, help="folder of meshes, at any depth")
    parser.add_argument("out", type=Path, help="folder for the points and manifest.json")
    add_whole(parser, "--count", 1, 10**7, "points a shape", COUNT)
    add_seed(parser)
    add_mesh_options(parser)
    add_common_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_program(main, vars(_parse()))
