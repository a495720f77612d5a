"""Pix3D, as its owners give it out, as a data set in the layout of the paper's authors.

    python -m crossmodal.prepare.pix3d --source pix3d_download --root data

The source is the unpacked pix3d.zip (3.6 GB, http://pix3d.csail.mit.edu): ``pix3d.json``,
``img/<category>/``, ``mask/<category>/`` and ``model/<category>/<instance>/*.obj``. Writes
``<root>/pix3d/``: the lists ``pix3d_train.json`` and ``pix3d_test.json``, ``img/`` and ``mask/``
(links, or smaller upright copies of large or turned photos), ``model/``, ``rendering_pix3d/`` (12
gray views), ``model_std_ptc10k_npy/``, ``model_std_bin128/``, and ``split.json``.

Split: the paper's authors' lists where you have them (--train-json, --test-json). They are not
public as far as we know; without them the split is ours, ``crossmodal-split-1``
(`crossmodal.prepare.splits`), ``split.json`` says so, and the numbers are not those of the paper.
The lists of Mesh R-CNN (pix3d_s1_train.json, ...) are understood as well.

Photos: the four categories of the paper; without lists, only photos in which the object is neither
truncated nor occluded, as is usual for this task (--occlusion changes it). Which photos exactly the
paper's lists leave out could not be determined. The gallery is every model of these categories that
pix3d.json names, also those of which no photo is left.

Masks: the owners' true ones. The paper's configuration uses masks of a segmentation network
(mask_ocrnet), which are not as good: give such with --masks to compare with it. Either is stored in
``mask/``, so train and test with --set data.mask_dir=mask.

The models are taken to face -z (pix3d: "+x leftward, +y upward, +z inward") and turned to face +z,
like those of `crossmodal.prepare.shapenet`. Run it again to continue; a photo or model that cannot
be read is named and left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossmodal.data.errors import DataError
from crossmodal.prepare.instance_options import (
    ALLOW,
    Options,
    add_instance_options,
    gathered,
)
from crossmodal.prepare.instance_set import InstanceSet, build, choose_split
from crossmodal.prepare.options import program_parser, run_program
from crossmodal.prepare.photo_store import Photo, absent_photos, mask_files
from crossmodal.prepare.pix3d_source import FLAGS, Entry, choose_models, read_entries
from crossmodal.prepare.shapenet_source import Model
from crossmodal.prepare.source_check import Needed, absent, refuse_missing, require
from crossmodal.prepare.source_home import find_home
from crossmodal.runtime.worker_pool import keep_workers

NAME = "pix3d"
CATEGORIES = ("bed", "chair", "sofa", "table")
ALL = ("bed", "bookcase", "chair", "desk", "misc", "sofa", "table", "tool", "wardrobe")
OCCLUSION = {"none": FLAGS, "slight": ("truncated", "occluded"), "any": ()}  # flags left out
FRONT = "-z"
_WHERE = "get pix3d.zip (3.6 GB) from http://pix3d.csail.mit.edu and unpack it here"


@keep_workers()
def main(
    source: Path,
    root: Path = Path("data"),
    name: str = NAME,
    categories: Sequence[str] = CATEGORIES,
    occlusion: str = "none",
    front: str = FRONT,
    options: Options | None = None,
) -> Path:
    """Make the data set; returns ``<root>/<name>``.

    occlusion : key of OCCLUSION; front : axis that the models face
    Raises MissingSource, NoRoom or DataError with what is to be done.
    """
    source = find_home(Path(source), lambda folder: (folder / "pix3d.json").is_file())
    options = options or Options()
    require(source, _needs(categories))
    entries = [e for e in read_entries(source / "pix3d.json") if e.category in categories]
    listed = options.train_json is not None
    usable = entries if listed else [e for e in entries if not e.flags & {*OCCLUSION[occlusion]}]
    if not usable:
        raise DataError(f"{source / 'pix3d.json'}: no photo of {', '.join(categories)} is left of "
                        f"{len(entries)}; try --occlusion any")
    split = choose_split({entry.key: entry.shape for entry in usable}, options)
    photos = _photos(usable, source, options)
    models = choose_models(entries, source)
    chosen = {key: photos[key] for key in {*split.train, *split.test}}
    if not options.allow_missing:
        refuse_missing(_absent(chosen, models), ALLOW)
    about = {"occlusion": "as listed" if listed else occlusion,
             "left_out": _left_out(entries, usable), "masks": options.masks_of("the owners'")}
    meshes = {shape: _model(path) for shape, path in models.items()}
    return build(InstanceSet(name, photos, meshes, split, front, about), root, options)


def _needs(categories: Sequence[str]) -> list[Needed]:
    folders = [("img", "photos"), ("mask", "masks"), ("model", "models")]
    return [Needed("pix3d.json", "the annotations", _WHERE)] + [
        Needed(f"{folder}/{category}", f"{what} of {category}", _WHERE)
        for category in categories
        for folder, what in folders
    ]


def _photos(entries: Sequence[Entry], source: Path, options: Options) -> dict[str, Photo]:
    masks = mask_files(options.masks) if options.masks else None
    found = {}
    for entry in entries:
        mask = source / entry.mask
        if masks is not None and options.masks:
            mask = masks.get(entry.key, options.masks / f"{entry.key}.png")
        found[entry.key] = Photo(source / entry.image, entry.shape, mask)
    return found


def _absent(photos: Mapping[str, Photo], models: Mapping[str, Path]) -> list[str]:
    meshes = [path for path in models.values() if not path.is_file()]
    again = "unpack pix3d.zip again"
    return [
        *absent_photos(photos, again, f"{again}, or complete the folder of --masks"),
        *absent(sorted(meshes), len(models), "models", again),
    ]


def _model(path: Path) -> Model:
    return Model(path, None, path.stat().st_size if path.is_file() else 0)


def _left_out(entries: Sequence[Entry], usable: Sequence[Entry]) -> dict[str, int]:
    """How many photos of the categories are not used, by the reason's name."""
    kept = {entry.key for entry in usable}
    flags = Counter(flag for e in entries if e.key not in kept for flag in sorted(e.flags))
    return {"photos": len(entries) - len(usable), **dict(sorted(flags.items()))}


def _parse() -> dict[str, Any]:
    parser = program_parser(__doc__)
    parser.add_argument("--source", type=Path, required=True, help="the unpacked pix3d.zip")
    parser.add_argument(
        "--categories", nargs="+", choices=ALL, default=list(CATEGORIES),
        help="default: the paper's bed, chair, sofa, table",
    )
    parser.add_argument(
        "--occlusion", choices=list(OCCLUSION), default="none",
        help="none: no photo that is truncated, occluded or slightly occluded (default); slight: "
        "slightly occluded ones too; any: all. With --train-json the lists decide",
    )
    parser.add_argument(
        "--front", choices=["z", "-z", "x", "-x"], default=FRONT,
        help="axis that the models face; write --front=-z",
    )
    add_instance_options(parser, NAME)
    return gathered(vars(parser.parse_args()))


if __name__ == "__main__":
    run_program(main, _parse())
