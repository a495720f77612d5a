"""Furniture of Sweet Home 3D as a data set: meshes, icons with masks, views, photo renders, lists.

    python -m crossmodal.prepare.sweethome3d --prepared sweethome3d --root data
    python -m crossmodal.prepare.sweethome3d --sh3f /usr/share/sweethome3d/furniture --root data

Writes ``<root>/furniture/``: ``model/``, ``icon/``, ``photo/``, ``rendering_furniture/``,
``model_std_ptc10k_npy/``, ``model_std_bin128/``, ``furniture_<T|S>_<train|test>.json`` (the plain
``furniture_train.json`` is T) and ``duplicates.json``. Creator and licence of every piece are in
``model/manifest.json``. Run it again to continue, or with other --steps to add what is missing.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from crossmodal.data.errors import DataError
from crossmodal.prepare import prepared_copy, sh3f
from crossmodal.prepare.furniture import Furniture, check_unique
from crossmodal.prepare.furniture_lists import (
    PROTOCOLS,
    Split,
    photos_needed,
    random_split,
    read_split,
    test_list,
    train_list,
)
from crossmodal.prepare.furniture_store import (
    SHAPE_STEPS,
    import_models,
    import_pictures,
    make_shapes,
)
from crossmodal.prepare.options import add_common_options, program_parser, run_program
from crossmodal.prepare.output import write_json
from crossmodal.prepare.render_photos import render_photos
from crossmodal.prepare.runner import Item, from_files
from crossmodal.runtime.brief import brief
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.options import add_seed, add_whole
from crossmodal.runtime.worker_pool import keep_workers

logger = get_logger(__name__)

NAME = "furniture"
STEPS = (*SHAPE_STEPS, "photos")
PHOTOS = 12


@keep_workers()
def main(
    root: Path,
    prepared: Path | None = None,
    sh3f_paths: Sequence[Path] = (),
    split_file: Path | None = None,
    protocols: Sequence[str] = PROTOCOLS,
    photos: int = PHOTOS,
    size: int = 224,
    steps: Sequence[str] = STEPS,
    seed: int = 0,
    workers: int | None = None,
    redo: bool = False,
) -> Path:
    """Make the data set from a prepared copy or from .sh3f libraries; returns ``<root>/furniture``.

    photos : photo renders of each training shape; T takes only the first few of them
    Only pieces of the split are taken; without a split file it is drawn at random over all.
    """
    folder = Path(root) / NAME
    pieces = check_unique(_read_sources(prepared, sh3f_paths))
    if split_file is None and prepared is not None:
        split_file = Path(prepared) / "split.json"
    split = read_split(split_file) if split_file else random_split(pieces, seed)
    pieces = _in_split(pieces, split)
    models = import_models(pieces.values(), folder, workers, redo)
    icons = import_pictures(pieces.values(), folder, workers=workers, redo=redo)
    keys = {Path(key).name: key for key in models}
    wanted = {p: photos_needed(p, split, keys, photos) for p in protocols}
    if "photos" in steps:
        counts: dict[str, int] = {}
        for shapes in wanted.values():
            counts.update({key: max(n, counts.get(key, 0)) for key, n in shapes.items()})
        sources = {key: (Item(models[key]), count) for key, count in sorted(counts.items())}
        render_photos(sources, folder / "photo", size, seed=seed, workers=workers, redo=redo)
    write_lists(folder, split, wanted, keys, icons)
    make_shapes(from_files(models), folder, NAME, size, steps, workers, redo)
    return folder


def write_lists(
    folder: Path,
    split: Split,
    wanted: Mapping[str, Mapping[str, int]],
    keys: Mapping[str, str],
    icons: set[str],
) -> None:
    """Write the training and test lists of each protocol, and the groups of duplicates."""
    photos = _rendered(folder / "photo")
    for protocol, shapes in wanted.items():
        train = train_list(protocol, shapes, icons, photos)
        test = test_list(split.test, keys, icons)
        names = [f"{NAME}_{protocol}"] + ([NAME] if protocol == "T" else [])
        for name in names:
            write_json(folder / f"{name}_train.json", train)
            write_json(folder / f"{name}_test.json", test)
    write_json(folder / "duplicates.json", split.duplicates)


def _in_split(pieces: Mapping[str, Furniture], split: Split) -> dict[str, Furniture]:
    """The pieces that the split names; what it does not name, or names in vain, is counted."""
    named = [*split.train, *split.test]
    absent = sorted(set(named) - set(pieces))
    if len(absent) == len(named):
        raise DataError(f"none of the split's {len(named)} shapes is in the library")
    if absent:
        logger.warning("%d shapes of the split are not there (first: %s)", len(absent),
                       brief(absent[0]))
    left_out = len(set(pieces) - set(named))
    if left_out:
        logger.info("%d pieces are not in the split and left out", left_out)
    return {name: pieces[name] for name in sorted(set(named) & set(pieces))}


def _read_sources(prepared: Path | None, libraries: Sequence[Path]) -> list[Furniture]:
    if (prepared is None) == (not libraries):
        raise DataError("give either a prepared copy or .sh3f libraries")
    if prepared is not None:
        return prepared_copy.read_prepared(Path(prepared))
    files: list[Path] = []
    for path in map(Path, libraries):
        files += sorted(path.glob("*.sh3f")) if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(f"no .sh3f library in {', '.join(map(str, libraries))}")
    return [piece for file in files for piece in sh3f.read_library(file)]


def _rendered(folder: Path) -> set[str]:
    """Keys of the photo renders that are there."""
    return {
        f"{path.parent.relative_to(folder / 'img').as_posix()}/{path.stem}"
        for path in (folder / "img").glob("*/*/*.jpg")
    }


def _parse() -> argparse.Namespace:
    parser = program_parser(__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--prepared", type=Path, help="prepared copy: mesh/, icon/, meta.json")
    source.add_argument(
        "--sh3f", type=Path, nargs="+", default=[], dest="sh3f_paths", help=".sh3f files or folders"
    )
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder of data sets")
    parser.add_argument(
        "--split", type=Path, dest="split_file", help="JSON with train and test ids"
    )
    parser.add_argument(
        "--protocol", nargs="+", choices=PROTOCOLS, default=list(PROTOCOLS), dest="protocols"
    )
    add_whole(parser, "--photos", 0, 10_000, "photo renders a training shape", PHOTOS)
    add_whole(parser, "--size", 8, 4096, "pixels a side of views and photos", 224)
    parser.add_argument("--steps", nargs="*", choices=STEPS, default=list(STEPS))
    add_seed(parser)
    add_common_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_program(main, vars(_parse()))
