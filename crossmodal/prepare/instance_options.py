"""Options that the converters of published data sets share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from crossmodal.prepare.furniture_store import SHAPE_STEPS
from crossmodal.prepare.options import add_common_options
from crossmodal.runtime.options import add_whole

ALLOW = "To go on without these, add --allow-missing."


@dataclass(frozen=True)
class Options:
    """How a data set is made, the same for every converter."""

    masks: Path | None = None  # folder of other masks than the owners'
    train_json: Path | None = None  # the authors' lists
    test_json: Path | None = None
    allow_missing: bool = False  # missing files cost their photos, not the run
    copy: bool = False  # copies of the photos instead of links
    size: int = 224  # pixels a side of the views
    steps: Sequence[str] = SHAPE_STEPS
    workers: int | None = None
    redo: bool = False

    def masks_of(self, owners: str) -> str:
        """Whose masks are used: the given ones, else `owners`."""
        return f"given: {self.masks.name}" if self.masks else owners


def add_instance_options(parser: argparse.ArgumentParser, name: str) -> None:
    """Add the options of `Options`, and --root and --name."""
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder of data sets")
    parser.add_argument("--name", default=name, help=f"name of the data set (default {name})")
    parser.add_argument(
        "--masks", type=Path, help="folder of masks, KEY.png (white: the object), for the photos "
        "img/KEY; e.g. of a segmentation network, as in the paper"
    )
    parser.add_argument(
        "--train-json", type=Path, help="the paper's authors' list of training photos"
    )
    parser.add_argument("--test-json", type=Path, help="their list of test photos")
    parser.add_argument(
        "--allow-missing", action="store_true", help="leave out what the source lacks"
    )
    parser.add_argument(
        "--copy", action="store_true", help="copy the photos (default: link to the source)"
    )
    add_whole(parser, "--size", 8, 4096, "pixels a side of the views", 224)
    parser.add_argument(
        "--steps", nargs="*", choices=SHAPE_STEPS, default=list(SHAPE_STEPS),
        help="of the shapes: views to train and search; points and voxels for HAU and IoU",
    )
    add_common_options(parser)


def gathered(given: dict[str, Any]) -> dict[str, Any]:
    """Parsed options, those of `Options` together under ``options``."""
    names = [item.name for item in fields(Options)]
    rest = {name: value for name, value in given.items() if name not in names}
    return {**rest, "options": Options(**{name: given[name] for name in names})}
