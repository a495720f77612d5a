"""Office-31, as its owners give it out, as lists for the category level.

    python -m crossmodal.prepare.office31 --source domain_adaptation_images --root data

The source has ``amazon/images/CLASS/frame_0001.jpg``, and the same for ``dslr`` and ``webcam``
(``images/`` may be left out). Writes ``<root>/office31/``: ``amazon.txt``, ``dslr.txt``,
``webcam.txt``, ``classes.txt`` (the 31 classes by the alphabet: label 0 is back_pack),
``manifest.json`` (what could not be read) and ``split.json`` (counts). Pictures are pointed at, not
copied. There is no split: a domain is used whole, as source or as target, as papers do. Run it
again to continue; a picture that cannot be read is named and left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from crossmodal.prepare.class_names import class_folders
from crossmodal.prepare.list_files import write_items, write_lines
from crossmodal.prepare.options import add_common_options, program_parser, run_program
from crossmodal.prepare.picture_items import (
    LOOK,
    PictureItem,
    list_items,
    look_at,
    pictures_in,
    sound,
    write_facts,
)
from crossmodal.prepare.source_check import Load, Needed, check_room, lacking, refuse_missing
from crossmodal.prepare.source_home import find_home
from crossmodal.prepare.splits import Split
from crossmodal.runtime.log import get_logger
from crossmodal.runtime.worker_pool import keep_workers

NAME = "office31"
SPLIT = Split("none", "owners", "each domain is used whole, as source or as target", [], [])
DOMAINS = {"amazon": 2817, "dslr": 498, "webcam": 795}  # and how many pictures each has
CLASSES = [
    "back_pack", "bike", "bike_helmet", "bookcase", "bottle", "calculator", "desk_chair",
    "desk_lamp", "desktop_computer", "file_cabinet", "headphones", "keyboard",
    "laptop_computer", "letter_tray", "mobile_phone", "monitor", "mouse", "mug",
    "paper_notebook", "pen", "phone", "printer", "projector", "punchers", "ring_binder",
    "ruler", "scissors", "speaker", "stapler", "tape_dispenser", "trash_can",
]
WHERE = (
    "download domain_adaptation_images.tar.gz, see "
    "https://faculty.cc.gatech.edu/~judy/domainadapt/, and unpack it here"
)

logger = get_logger(__name__)


@keep_workers()
def main(
    source: Path, root: Path = Path("data"), workers: int | None = None, redo: bool = False
) -> Path:
    """Write the lists; returns ``<root>/office31``."""
    folder = Path(root) / NAME
    home = find_home(Path(source), lambda place: any((place / name).is_dir() for name in DOMAINS))
    domains = [Needed(name, f"{count} pictures", WHERE) for name, count in DOMAINS.items()]
    refuse_missing([*lacking(home, domains), *_absent_classes(home)])
    items = [item for domain in DOMAINS for item in _pictures(home, domain)]
    check_room(folder, [Load("pictures to look at", len(items), LOOK)], workers)
    manifest = look_at(NAME, items, home, folder, workers, redo)
    counts = {}
    for domain, expected in DOMAINS.items():
        there = [item for item in items if item.key.startswith(f"{domain}/")]
        kept = sound(there, manifest)
        if len(there) != expected:
            logger.warning("%s: %d pictures, %d expected", domain, len(there), expected)
        write_items(folder / f"{domain}.txt", list_items(kept, home, folder))
        counts[domain] = {"kept": len(kept), "of": len(there)}
    write_lines(folder / "classes.txt", CLASSES)
    write_facts(folder, SPLIT, {"source": "Office-31", "items": counts}, manifest)
    return folder


def _domain(home: Path, domain: str) -> Path:
    images = home / domain / "images"
    return images if images.is_dir() else home / domain


def _absent_classes(home: Path) -> Iterator[str]:
    """A complaint for every class that a domain, if it is there, lacks."""
    for domain in filter(lambda domain: (home / domain).is_dir(), DOMAINS):
        place = _domain(home, domain)
        there = class_folders(place, CLASSES)
        for label, name in enumerate(CLASSES):
            if not any(pictures_in(folder) for folder in there.get(label, [])):
                yield f"{place / name}/*.jpg: a class; {WHERE}"


def _pictures(home: Path, domain: str) -> list[PictureItem]:
    return [
        PictureItem(name, (name,), label)
        for label, folders in sorted(class_folders(_domain(home, domain), CLASSES).items())
        for folder in folders
        for name in (path.relative_to(home).as_posix() for path in pictures_in(folder))
    ]


def _parse() -> argparse.Namespace:
    parser = program_parser(__doc__)
    parser.add_argument(
        "--source", type=Path, required=True, help="folder of amazon/, dslr/ and webcam/"
    )
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder of data sets")
    add_common_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_program(main, vars(_parse()))
