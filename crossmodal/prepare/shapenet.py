"""ShapeNetCore as the second library of the test mode "shapenet": views, points and voxels.

    python -m crossmodal.prepare.shapenet --source ShapeNetCore.v2 --root data
    python -m crossmodal.prepare.shapenet --source shapenet --root data --categories car --limit 500

Reads a copy of ShapeNetCore v1 or v2 as its owners give it out, unpacked (``SYNSET/ID/model.obj``,
``SYNSET/ID/models/model_normalized.obj``) or its zip files. Writes ``<root>/shapenet4/``: for beds,
chairs, sofas, tables and cars ``model/<category>/<id>/model.npz``, ``rendering_shapenet<category>s/
<id>.npy`` (12 gray views), ``model_std_ptc10k_npy/`` and ``model_std_bin128/<category>/``, and
``split.json`` (release, counts; there is no split: every shape is in the library or, with --limit,
those with the first names). The voxels are made here, not taken from v2's .binvox files: those of
all libraries are then of one kind.

All shapes stand upright with their fronts to +z, whatever the release has (v1: +x, v2: -z). v1 is
known to have left and right exchanged in some models; they are left as they are. Run it again to
continue; a model that is missing or cannot be read is named and left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from crossmodal.data.errors import DataError
from crossmodal.geometry.render import ViewSettings
from crossmodal.prepare.generate import LIBRARY, make_shapes
from crossmodal.prepare.options import add_common_options, program_parser, run_program
from crossmodal.prepare.shape_store import count_views, import_meshes
from crossmodal.prepare.shapenet_source import FILES, FRONTS, SYNSETS, Copy, find_models
from crossmodal.prepare.source_check import (
    POINTS,
    VOXELS,
    Load,
    check_room,
    mesh_cost,
    view_cost,
)
from crossmodal.prepare.splits import Split, write_split
from crossmodal.runtime.options import add_whole
from crossmodal.runtime.worker_pool import keep_workers

SPLIT = Split("none", "owners", "every shape is in the library", [], [])


@keep_workers()
def main(
    source: Path,
    root: Path = Path("data"),
    layout: str = "auto",
    categories: Sequence[str] = tuple(SYNSETS),
    limit: int | None = None,
    size: int = 224,
    workers: int | None = None,
    redo: bool = False,
) -> Path:
    """Make the library from a copy of ShapeNetCore; returns ``<root>/shapenet4``.

    limit : shapes of a category, at most
    """
    folder = Path(root) / LIBRARY
    copy = _limited(find_models(Path(source), categories, layout), limit)
    check_room(folder, _loads(copy, folder, size), workers)
    meshes = {
        f"{category}/{instance}": mesh
        for category, found in copy.models.items()
        for instance, mesh in found.items()
    }
    models = import_meshes(meshes, folder, FRONTS[copy.layout], workers, redo)
    renderings = {_rendering(category): _of(category, models) for category in copy.models}
    make_shapes(folder, renderings, size, workers, redo)
    for name, paths in renderings.items():
        count_views(folder / name, paths)
    _write_facts(folder, copy, size)
    return folder


def _limited(copy: Copy, limit: int | None) -> Copy:
    if limit is not None and limit < 1:
        raise DataError(f"--limit {limit}: each category needs a shape")
    return Copy(copy.layout, {c: dict(list(m.items())[:limit]) for c, m in copy.models.items()})


def _loads(copy: Copy, folder: Path, size: int) -> list[Load]:
    loads = []
    for category, models in copy.models.items():
        count, total = len(models), sum(model.bytes for model in models.values())
        meshes, views = mesh_cost(total, count), view_cost(ViewSettings.count, size)
        loads += [
            Load(f"{category} models", count, meshes, folder / "model" / category, "model.npz"),
            Load("their views", count, views, folder / _rendering(category)),
            Load("points", count, POINTS, folder / "model_std_ptc10k_npy" / category),
            Load("voxels", count, VOXELS, folder / "model_std_bin128" / category, "*.binvox"),
        ]
    return loads


def _rendering(category: str) -> str:
    return f"rendering_shapenet{category}s"


def _of(category: str, models: Mapping[str, Path]) -> dict[str, Path]:
    """{instance: mesh} of one category."""
    return {
        key[len(category) + 1 :]: path
        for key, path in models.items()
        if key.startswith(f"{category}/")
    }


def _write_facts(folder: Path, copy: Copy, size: int) -> None:
    counts = {c: len(list((folder / _rendering(c)).glob("*.npy"))) for c in SYNSETS}
    about = {
        "source": f"ShapeNetCore {copy.layout}",
        "views": ViewSettings.count,
        "size": size,
        "shapes": {category: count for category, count in counts.items() if count},
    }
    write_split(folder, SPLIT, about)


def _parse() -> argparse.Namespace:
    parser = program_parser(__doc__)
    parser.add_argument(
        "--source", type=Path, required=True, help="copy of ShapeNetCore: SYNSET/ or SYNSET.zip"
    )
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder of data sets")
    parser.add_argument(
        "--layout", choices=["auto", *FILES], default="auto", help="release (default: as found)"
    )
    parser.add_argument(
        "--categories", nargs="+", choices=list(SYNSETS), default=list(SYNSETS), help="which"
    )
    add_whole(parser, "--limit", 1, 10**6, "shapes of a category, at most; default: all")
    add_whole(parser, "--size", 8, 4096, "pixels a side of the views", 224)
    add_common_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_program(main, vars(_parse()))
