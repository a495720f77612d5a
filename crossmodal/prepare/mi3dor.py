"""MI3DOR-1 and MI3DOR-2, as their owners give them out, as lists for the category level.

    python -m crossmodal.prepare.mi3dor --source MI3DOR --root data
    python -m crossmodal.prepare.mi3dor --source MI3DOR-2 --root data --set 2

Writes ``<root>/mi3dor1/`` or ``<root>/mi3dor2/``: ``source_train.txt``, ``source_test.txt``
(photos), ``target_train.txt``, ``target_test.txt`` (shapes: 4 of their 12 views, evenly spaced, on
consecutive lines), ``classes.txt``, ``manifest.json`` (what of the pictures could not be read) and
``split.json`` (whose split, where the labels are from, counts). Pictures are pointed at, not
copied. The labels of ``target_train.txt`` are written because the format has them; training does
not read them.

The owners' split into training and test is kept. How copies may be laid out: see below, or
`crossmodal.prepare.mi3dor_source`. Which 4 of the 12 views their 4-view lists have is not known: a
copy that has such lists is taken at its word; else the views 1, 4, 7 and 10 are ours. Shapes that
come as meshes without pictures are rendered to ``view/`` (--up: which axis is up in them). Run it
again to continue; a picture that cannot be read, and a shape that lacks views, is named and left
out.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from crossmodal.geometry.render import ViewSettings
from crossmodal.prepare import mi3dor_source
from crossmodal.prepare.list_files import write_items, write_lines
from crossmodal.prepare.mi3dor_lists import (
    OwnersList,
    listed_photos,
    listed_shapes,
    names_of_labels,
    read_list,
)
from crossmodal.prepare.mi3dor_source import (
    CLASSES,
    PARTS,
    MeshItem,
    Place,
    find_parts,
    read_photos,
    read_shapes,
)
from crossmodal.prepare.mi3dor_views import UPS, Part, choose_views, picture_cost, render_meshes
from crossmodal.prepare.options import add_common_options, program_parser, run_program
from crossmodal.prepare.picture_items import (
    LOOK,
    PictureItem,
    list_items,
    look_at,
    sound,
    write_facts,
)
from crossmodal.prepare.source_check import Load, check_room, refuse_missing
from crossmodal.prepare.splits import Split
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.options import add_whole
from crossmodal.runtime.worker_pool import keep_workers

VIEWS = 4
SPLIT = Split("owners", "owners", "training and test as the owners have them", [], [])
# What papers count in the test; a copy with other numbers is used, with a warning.
TEST_ITEMS = {
    1: {"source_test": 10_500, "target_test": 3_848},
    2: {"source_test": 400, "target_test": 800},
}

logger = get_logger(__name__)


@keep_workers()
def main(
    source: Path,
    root: Path = Path("data"),
    number: int = 1,
    views: int = VIEWS,
    size: int = 224,
    up: str = "auto",
    workers: int | None = None,
    redo: bool = False,
) -> Path:
    """Write the lists of MI3DOR-`number`; returns ``<root>/mi3dor<number>``."""
    folder, classes = Path(root) / f"mi3dor{number}", CLASSES[number]
    home, places = find_parts(Path(source), classes)
    names, parts = _read_parts(home, places, classes, views)
    _check_classes(parts, names, home)
    settings = ViewSettings(count=views, size=size)
    check_room(folder, _loads(parts, folder, settings), workers)
    pictures = [item for part in parts.values() for item in part.pictures]
    manifest = look_at(folder.name, pictures, home, folder, workers, redo)
    rendered = render_meshes(parts, home, folder, settings, up, workers, redo)
    counts = {}
    for part, found in parts.items():
        items = list_items(sound(found.pictures, manifest), home, folder) + rendered[part]
        write_items(folder / f"{part}.txt", items)
        counts[part] = {"kept": len(items), "of": len(found.pictures) + len(found.meshes)}
    write_lines(folder / "classes.txt", names)
    _warn_counts(folder, number, counts)
    labels = {part: "list" if place.list else "folders" for part, place in places.items()}
    about = {"source": f"MI3DOR-{number}", "views": views, "labels_from": labels, "items": counts}
    write_facts(folder, SPLIT, about, manifest)
    return folder


def _read_parts(
    home: Path, places: Mapping[str, Place], classes: Sequence[str], views: int
) -> tuple[list[str], dict[str, Part]]:
    """Class names in the order of the labels, and what the parts hold."""
    lists = {part: read_list(p.list, home, part) for part, p in places.items() if p.list}
    names, start = names_of_labels(lists.values(), classes)
    parts = {}
    for part in PARTS:
        shapes, meshes = _read_part(part, places[part], lists.get(part), home, names, start)
        if part.startswith("target"):
            shapes = choose_views(shapes, views)
        pictures = [replace(shape, key=f"{part}/{shape.key}") for shape in shapes]
        parts[part] = Part(pictures, meshes)
    return names, parts


def _read_part(
    part: str, place: Place, owners: OwnersList | None, home: Path, names: Sequence[str], start: int
) -> tuple[list[PictureItem], list[MeshItem]]:
    photos = part.startswith("source")
    if owners:
        return (listed_photos(owners, home, start), []) if photos else (
            listed_shapes(owners, home, start))
    folder = place.folder or home
    return (read_photos(folder, home, names), []) if photos else read_shapes(folder, home, names)


def _check_classes(parts: Mapping[str, Part], names: Sequence[str], home: Path) -> None:
    """Raises MissingSource naming every class that a part lacks."""
    complaints = []
    for part, found in parts.items():
        there = {item.label for item in found.pictures} | {mesh.label for mesh in found.meshes}
        lacks = [name for label, name in enumerate(names) if label not in there]
        if lacks:
            complaints.append(f"{home}: {part} of {', '.join(lacks)}; unpack all of the copy")
    refuse_missing(complaints)


def _loads(parts: Mapping[str, Part], folder: Path, settings: ViewSettings) -> list[Load]:
    pictures = sum(len(item.files) for part in parts.values() for item in part.pictures)
    meshes = sum(len(part.meshes) for part in parts.values())
    return [
        Load("pictures to look at", pictures, LOOK),
        Load("shapes to render", meshes, picture_cost(settings), folder / "view", "0.png"),
    ]


def _warn_counts(folder: Path, number: int, counts: Mapping[str, Mapping[str, int]]) -> None:
    for part, expected in TEST_ITEMS[number].items():
        if counts[part]["of"] != expected:
            logger.warning("%s: %d items, %d expected", part, counts[part]["of"], expected)
    left_out = sum(count["of"] - count["kept"] for count in counts.values())
    if left_out:
        logger.warning("%s: %d items are left out; the manifests say why", folder, left_out)


def _parse() -> argparse.Namespace:
    parser = program_parser(__doc__, mi3dor_source.__doc__ or "")
    parser.add_argument(
        "--source",
        type=Path,
        required=True,
        help="the copy: image/ and view/ or model/, or train/2D, train/3D, test/2D, test/3D",
    )
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder of data sets")
    parser.add_argument(
        "--set", type=int, choices=list(CLASSES), default=1, dest="number", help="MI3DOR-1 or -2"
    )
    add_whole(parser, "--views", 1, 1024, "views of each shape", VIEWS)
    add_whole(parser, "--size", 8, 4096, "pixels a side of rendered views", 224)
    parser.add_argument(
        "--up",
        choices=UPS,
        default="auto",
        help="up axis of meshes that are rendered (default: z of .off, y of others)",
    )
    add_common_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_program(main, vars(_parse()))
