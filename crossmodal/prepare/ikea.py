"""Furniture of an unseen source as a test set: line drawings as queries, their shapes as gallery.

    python -m crossmodal.prepare.ikea --prepared ikea --root data
    python -m crossmodal.prepare.ikea --prepared ikea --root data --also data/furniture

Writes ``<root>/ikea/`` (88 drawings, 88 shapes) or, with --also, ``<root>/ikea_and_furniture/``:
the same queries against both galleries. There is no training list: nothing of it is trained on. The
source has ``mesh/ID.npz``, ``drawing/ID.png`` and ``meta.json`` ({"shapes": {ID: {"category"}}}).
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.data.errors import DataError
from crossmodal.data.images import read_gray
from crossmodal.geometry.silhouette import drawing_mask
from crossmodal.prepare.annotation_files import name_of, read_json, sound_rows, text
from crossmodal.prepare.furniture import Furniture, slug
from crossmodal.prepare.furniture_lists import picture_record
from crossmodal.prepare.furniture_store import (
    import_models,
    import_pictures,
    make_shapes,
    piece_of,
    write_picture,
)
from crossmodal.prepare.options import add_common_options, program_parser, run_program
from crossmodal.prepare.output import own_place, write_json
from crossmodal.prepare.runner import Task, from_files
from crossmodal.runtime.brief import brief
from crossmodal.runtime.options import add_whole
from crossmodal.runtime.worker_pool import keep_workers

NAME = "ikea"
SHAPE_FOLDERS = ("model_std_ptc10k_npy", "model_std_bin128")


@keep_workers()
def main(
    root: Path,
    prepared: Path,
    also: Path | None = None,
    size: int = 224,
    workers: int | None = None,
    redo: bool = False,
) -> Path:
    """Make the test set, with `also` over the shapes of both data sets; returns its folder."""
    folder = Path(root) / NAME
    pieces = read_drawings(Path(prepared))
    models = import_models(pieces, folder, workers, redo)
    drawings = import_pictures(pieces, folder, "drawing", _import_drawing, workers, redo)
    make_shapes(from_files(models), folder, NAME, size, workers=workers, redo=redo)
    records = [picture_record(key, "drawing") for key in sorted(drawings & set(models))]
    write_json(folder / f"{NAME}_test.json", records)
    return _join(folder, Path(also), records) if also else folder


def read_drawings(folder: Path) -> list[Furniture]:
    """Every sound shape listed in ``meta.json``; others are named and counted in a warning.

    Raises DataError naming the file when it is not readable, or no shape of it can be used.
    """
    path = folder / "meta.json"
    content = read_json(path, "get the prepared copy again")
    shapes = content.get("shapes") if isinstance(content, dict) else content
    if not isinstance(shapes, dict):
        raise DataError(f"{path}: not a list of drawings: expected {{\"shapes\": {{ID: "
                        f"{{\"category\"}}}}}}, found {brief(shapes)}")
    rows = ((f"shape {name}", (name, about)) for name, about in shapes.items())
    return sound_rows(rows, lambda row: _piece(folder, *row), path, "shapes")


def _piece(folder: Path, name: str, about: Any) -> Furniture:
    category = text(about, "category")
    return Furniture(
        id=name_of(name, "id"),
        name=text(about, "product") if "product" in about else name,
        category=category,
        creator="IKEA-Manuals-at-Work",
        licence="CC-BY 4.0",
        source=folder,
        model=f"mesh/{name}.npz",
        icon=f"drawing/{name}.png",
    )


def _import_drawing(task: Task) -> dict[str, Any]:
    piece = piece_of(task)
    drawing = read_gray(piece.source / piece.icon)
    return write_picture(task, np.repeat(drawing[:, :, None], 3, axis=2), drawing_mask(drawing))


def _join(folder: Path, also: Path, records: list[dict[str, Any]]) -> Path:
    """The drawings as queries, the shapes of both as gallery; files are linked, not copied."""
    name = f"{folder.name}_and_{slug(also.name)}"
    joined = folder.parent / name
    for source in (folder, also):
        _link_tree(source / f"rendering_{source.name}", joined / f"rendering_{name}")
        for shapes in SHAPE_FOLDERS:
            _link_tree(source / shapes, joined / shapes)
    _link_tree(folder / "drawing", joined / "drawing")
    write_json(joined / f"{name}_test.json", records)
    return joined


def _link_tree(source: Path, target: Path) -> None:
    """Hard links (copies on another disk) of all files but the manifest."""
    if not source.is_dir():
        raise FileNotFoundError(f"{source}: no such folder; prepare that data set first")
    for path in sorted(source.rglob("*")):
        if path.is_dir() or path.name == "manifest.json":
            continue
        link = own_place(target, path.relative_to(source).as_posix())
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        try:
            os.link(path, link)
        except OSError:
            shutil.copyfile(path, link)


def _parse() -> argparse.Namespace:
    parser = program_parser(__doc__)
    parser.add_argument("--prepared", type=Path, required=True, help="mesh/, drawing/, meta.json")
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder of data sets")
    parser.add_argument("--also", type=Path, help="data set whose shapes join the gallery")
    add_whole(parser, "--size", 8, 4096, "pixels a side of the views", 224)
    add_common_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_program(main, vars(_parse()))
